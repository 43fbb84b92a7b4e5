"""The screening question asked of subgroups: sensitivity, specificity and AUROC of each."""

from collections.abc import Callable, Sequence

import pandas as pd

from aduni.metrics.names import OF_SCREENING
from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.image_subgroups import in_order, of_images, subgroups_of
from aduni.reporting.clinical.model_predictions import ModelPredictions, estimate
from aduni.reporting.clinical.screening_answers import (
    answered,
    outcomes,
    rule_of,
    subset,
)
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.clinical.subgroups import MIN_GROUPS, TOO_FEW, first_cells
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.questions import Screening

COMPARED = ("sensitivity", "specificity")


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    asked = questions.screening
    if not asked.positive_classes:
        return []
    subgroups = subgroups_of(models, questions)
    return [
        _table(models, asked, name, values, number)
        for number, (name, values) in enumerate(subgroups.items(), start=1)
    ]


def _table(
    models: Sequence[ModelPredictions], asked: Screening, name: str, values: pd.Series, number: int
) -> PageTable:
    columns = [Column("Model"), Column(name)]
    columns += [Column(text, numeric=True) for text in ("Images", "Groups", "Positive")]
    columns += [
        Column(text, OF_SCREENING[key].title, numeric=True)
        for key in COMPARED
        for text in ("here", "to the rest")
    ]
    columns.append(Column(OF_SCREENING["auroc"].title, numeric=True))
    rows = []
    for model in models:
        kind = rule_of(model, asked)
        answers = [outcome.first(1 + MAX_RESAMPLES) for outcome in outcomes(model, asked, kind)]
        rows += [
            _line(model, answers, kind is not None, value, values) for value in in_order(values)
        ]
    note = (
        f"All subgroups have the threshold that the validation part of a run gives for a "
        f"{asked.threshold_for} of {getattr(asked, asked.threshold_for):g}. To the rest, a "
        "subgroup is compared with all other images. Subgroups with fewer than "
        f"{MIN_GROUPS} groups are too small to say anything."
    )
    return PageTable(
        f"screening-subgroups-{number}", f"{asked.name} by {name}", columns, rows, note=note
    )


def _line(
    model: ModelPredictions,
    answers: Sequence[Outcome],
    has_threshold: bool,
    value: str,
    values: pd.Series,
) -> list[PageCell]:
    chosen = [of_images(values, seed) == value for seed in model.seeds]
    groups, cells = first_cells(model, value, chosen)
    pairs = list(zip(answers, chosen, strict=True))
    inside = [subset(outcome, each) for outcome, each in pairs]
    positive = max(int(outcome.samples.labels.sum()) for outcome in inside)
    cells.append(PageCell(f"{positive:,}", float(positive)))
    if groups < MIN_GROUPS:
        return [*cells, *[TOO_FEW] * (2 * len(COMPARED) + 1)]
    outside = [subset(outcome, ~each) for outcome, each in pairs]
    for key in COMPARED:
        function = OF_SCREENING[key].function
        cells += _with_gap(inside, outside, function) if has_threshold else [UNDEFINED] * 2
    return [*cells, number_cell(answered(inside, OF_SCREENING["auroc"]))]


def _with_gap(
    inside: Sequence[Outcome], outside: Sequence[Outcome], function: Callable[[Outcome], Floats]
) -> list[PageCell]:
    here, rest = estimate(inside, function), estimate(outside, function)
    return [number_cell(here), number_cell(here - rest, signed=True)]


SECTION = ClinicalSection(_build, position=5)
