"""Prediction sets by subgroups: how often they hold the true class, and their size."""

from collections.abc import Sequence

import pandas as pd

from aduni.metrics.screening.outcome import Bools
from aduni.reporting.clinical.image_subgroups import in_order, of_images, subgroups_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.prediction_sets import KINDS, SeedSets, mean_cell, sets_of
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.clinical.subgroups import MIN_GROUPS, TOO_FEW, first_cells
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

NOTE = (
    "The sets promise their level over all images or within each class, but not within a subgroup. "
    f"Subgroups with fewer than {MIN_GROUPS} groups are too small to say anything. Each group "
    "counts as one."
)


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    shown = [model for model in models if model.has_part("validation")]
    asked = questions.conformal
    if not (shown and questions.subgroups and asked.confidence_level):
        return []
    sets = [{kind: sets_of(model, asked, kind) for kind in KINDS} for model in shown]
    return [
        PageTable(
            f"set-subgroups-{number}",
            f"Prediction sets at {asked.confidence_level:g} by {name}",
            _columns(name),
            [
                _line(model, kinds, value, _chosen(model, values, value))
                for model, kinds in zip(shown, sets, strict=True)
                for value in in_order(values)
            ],
            note=NOTE,
        )
        for number, (name, values) in enumerate(subgroups_of(models, questions).items(), start=1)
    ]


def _columns(name: str) -> list[Column]:
    columns = [Column("Model"), Column(name), Column("Images", numeric=True)]
    columns.append(Column("Groups", numeric=True))
    titles = ("Coverage", "Mean size")
    columns += [Column(title, kind, numeric=True) for kind in KINDS for title in titles]
    return columns


def _chosen(model: ModelPredictions, values: pd.Series, value: str) -> list[Bools]:
    return [of_images(values, seed) == value for seed in model.seeds]


def _line(
    model: ModelPredictions,
    kinds: dict[str, list[SeedSets]],
    value: str,
    chosen: Sequence[Bools],
) -> list[PageCell]:
    groups, cells = first_cells(model, value, chosen)
    if groups < MIN_GROUPS:
        return [*cells, *[TOO_FEW] * (2 * len(kinds))]
    for sets in kinds.values():
        cells.append(mean_cell(sets, [each.covered for each in sets], chosen))
        cells.append(mean_cell(sets, [each.size for each in sets], chosen))
    return cells


SECTION = ClinicalSection(_build, position=11)
