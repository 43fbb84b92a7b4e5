"""The screening question asked of subgroups: sensitivity, specificity and AUROC of each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aduni.metrics.names import OF_SCREENING
from aduni.metrics.screening.outcome import POSITIVE, Outcome
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

COMPARED = {"sensitivity": POSITIVE, "specificity": 1 - POSITIVE}
"""Metrics at the threshold, and the answer of the images that each is about."""


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
    columns += [Column(text, numeric=True) for text in ("Images", "Groups", "Positive groups")]
    columns += [
        Column(text, OF_SCREENING[key].title, numeric=True)
        for key in COMPARED
        for text in ("here", "to the rest")
    ]
    columns.append(Column(OF_SCREENING["auroc"].title, numeric=True))
    rows = []
    kinds = [rule_of(model, asked) for model in models]
    for model, kind in zip(models, kinds, strict=True):
        answers = [outcome.first(1 + MAX_RESAMPLES) for outcome in outcomes(model, asked, kind)]
        rows += [
            _line(model, answers, kind is not None, value, values) for value in in_order(values)
        ]
    threshold = (
        "All subgroups have the threshold that the validation part of a run gives for a "
        f"{asked.threshold_for} of {getattr(asked, asked.threshold_for):g}. "
    )
    note = (
        f"{'' if None in kinds else threshold}To the rest, a subgroup is compared with all other "
        f"images. Too few: fewer than {MIN_GROUPS} groups with a positive image (sensitivity), a "
        "negative one (specificity), or either (AUROC)."
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
    cells = first_cells(model, value, chosen)[1]
    pairs = list(zip(answers, chosen, strict=True))
    inside = [subset(outcome, each) for outcome, each in pairs]
    outside = [subset(outcome, ~each) for outcome, each in pairs]
    here, rest = _groups(inside), _groups(outside)
    cells.append(PageCell(f"{here[POSITIVE]:,}", float(here[POSITIVE])))
    for key, kind in COMPARED.items():
        if not has_threshold:
            cells += [UNDEFINED] * 2
            continue
        function = OF_SCREENING[key].function
        found = estimate(inside, function)
        gap = found - estimate(outside, function)
        is_enough = (here[kind] >= MIN_GROUPS, min(here[kind], rest[kind]) >= MIN_GROUPS)
        cells.append(number_cell(found) if is_enough[0] else TOO_FEW)
        cells.append(number_cell(gap, signed=True) if is_enough[1] else TOO_FEW)
    area = number_cell(answered(inside, OF_SCREENING["auroc"]))
    return [*cells, area if min(here) >= MIN_GROUPS else TOO_FEW]


def _groups(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Return the fewest groups of any seed with a negative image, and with a positive one."""
    found = [
        [
            len(np.unique(part.members[part.labels == kind]))
            for part in (o.samples for o in outcomes)
        ]
        for kind in (1 - POSITIVE, POSITIVE)
    ]
    return min(found[0]), min(found[1])


SECTION = ClinicalSection(_build, position=7)
