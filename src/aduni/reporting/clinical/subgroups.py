"""Metrics of subgroups, such as of sex, age or camera, and how far each is from the rest."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aduni.metrics.classification.balanced_accuracy import mean_recall
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Samples
from aduni.metrics.screening.outcome import Bools
from aduni.reporting.clinical.cells import (
    MAX_RESAMPLES,
    NumberCell,
    metric_cells,
    number_cell,
)
from aduni.reporting.clinical.image_subgroups import in_order, of_images, subgroups_of
from aduni.reporting.clinical.model_predictions import (
    ModelPredictions,
    estimate,
)
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions

SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "expected_calibration_error")
TITLE = OF_PREDICTIONS["balanced_accuracy"].title
MIN_GROUPS = 20
"""Patients or lesions below which a subgroup says nothing."""
TOO_FEW = PageCell("too few", muted=True)


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    subgroups = subgroups_of(models, questions)
    return [
        _table(models, name, values, number)
        for number, (name, values) in enumerate(subgroups.items(), start=1)
    ]


def _table(
    models: Sequence[ModelPredictions], name: str, values: pd.Series, number: int
) -> PageTable:
    keys = [key for key in SHOWN if models[0].ordinal or not OF_PREDICTIONS[key].ordinal]
    columns = [Column("Model"), Column(name), Column("Images", numeric=True)]
    columns += [Column("Groups", numeric=True), Column("Mean recall, to the rest", numeric=True)]
    columns += [Column(OF_PREDICTIONS[key].title, numeric=True) for key in keys]
    rows = [
        _line(model, value, [of_images(values, seed) == value for seed in model.seeds], keys)
        for model in models
        for value in in_order(values)
    ]
    note = f"{_lowest(rows, [column.name for column in columns].index(TITLE))}{NOTE}"
    return PageTable(f"subgroups-{number}", f"Subgroups by {name}", columns, rows, note=note)


def _lowest(rows: Sequence[Sequence[PageCell]], place: int) -> str:
    """Return a sentence with the subgroup of each model whose number at a place is lowest."""
    shown = [row for row in rows if isinstance(row[place], NumberCell)]
    found: dict[str, list[Sequence[PageCell]]] = {}
    for row in sorted(shown, key=lambda row: float(row[place].sort_value or 0)):
        found.setdefault(row[0].text, []).append(row)
    lowest = [
        f"{rows[0][1].text} for {model} ({rows[0][place].text})"
        for model, rows in found.items()
        if len(rows) > 1 and rows[0][place].text != rows[1][place].text
    ]
    return f"Lowest {TITLE.lower()}: {', '.join(lowest)}. " if lowest else ""


NOTE = (
    f"Subgroups with fewer than {MIN_GROUPS} groups are too small to say anything, and a rest of "
    "fewer to compare with; where a class has few, the interval is too narrow. Balanced "
    "accuracy, the mean recall of the classes that a subgroup has, does not depend on how frequent "
    "they are there, as accuracy and macro F1 do. To the rest, the mean recall of the classes that "
    "both have is compared. Of several subgroups the one that differs most "
    "does so in part by chance."
)


def _line(
    model: ModelPredictions, value: str, chosen: Sequence[Bools], keys: Sequence[str]
) -> list[PageCell]:
    groups, cells = first_cells(model, value, chosen)
    if groups < MIN_GROUPS:
        return [*cells, *[TOO_FEW] * (len(keys) + 1)]
    inside, outside = _subsets(model, chosen), _subsets(model, [~each for each in chosen])
    rest = min(len(np.unique(part.members)) for part in outside)
    gap = _gap(inside, outside) if rest >= MIN_GROUPS else TOO_FEW
    return [*cells, gap, *metric_cells(inside, keys)]


def _gap(inside: Sequence[Samples], outside: Sequence[Samples]) -> PageCell:
    """Show how far the mean recall of a subgroup is above that of the rest.

    The means are over the classes that both have: a subgroup of benign lesions alone would
    otherwise be ahead of one that has all kinds.
    """
    shared = np.flatnonzero(_has_classes(inside) & _has_classes(outside))
    if not len(shared):
        return UNDEFINED
    of_parts = [
        estimate(part, lambda samples: mean_recall(samples, shared)) for part in (inside, outside)
    ]
    return number_cell(of_parts[0] - of_parts[1], signed=True)


def _has_classes(parts: Sequence[Samples]) -> Bools:
    """Tell of each class (C,) whether any of the parts has an image of it."""
    labels = np.concatenate([part.labels for part in parts])
    return np.bincount(labels, minlength=parts[0].probabilities.shape[1]) > 0


def first_cells(
    model: ModelPredictions, value: str, chosen: Sequence[Bools]
) -> tuple[int, list[PageCell]]:
    """Return the groups of a subgroup, and the first cells of its line: what it is, its size."""
    members = [s.samples.members[c] for s, c in zip(model.seeds, chosen, strict=True)]
    groups, images = np.unique(np.concatenate(members)).size, max(map(len, members))
    cells = [PageCell(model.label), PageCell(value)]
    cells += [PageCell(f"{images:,}", float(images)), PageCell(f"{groups:,}", float(groups))]
    return groups, cells


def _subsets(model: ModelPredictions, chosen: Sequence[Bools]) -> list[Samples]:
    """Return the samples of each seed with its chosen images only."""
    pairs = zip(model.seeds, chosen, strict=True)
    return [seed.samples.first(1 + MAX_RESAMPLES).of_images(each) for seed, each in pairs]


SECTION = ClinicalSection(_build, position=4)
