"""Points of the decision curve of a screening question, as numbers with intervals."""

from collections.abc import Sequence

import numpy as np

from aduni.metrics.screening.decision_curve import SHOWN_CHANCES, decision_curve
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions, estimate
from aduni.reporting.clinical.screening_answers import outcomes
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

NOTE = (
    "True positives a person, less the false alarms, of which 1 / t - 1 are worth one if one acts "
    "from a chance of t; acting on nobody is worth 0. The score is taken as a calibrated chance."
)


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    asked = questions.screening
    if not asked.positive_classes:
        return []
    chances = np.array(SHOWN_CHANCES)
    answers = [
        [each.first(1 + MAX_RESAMPLES) for each in outcomes(model, asked, None)] for model in models
    ]
    benefits = [estimate(each, lambda o: decision_curve(o, chances)[0]) for each in answers]
    everybody = estimate(answers[0], lambda o: decision_curve(o, chances)[1])
    columns = [Column("Act from a chance of")]
    columns += [Column(model.label, numeric=True) for model in models]
    columns.append(Column("on everybody", numeric=True))
    rows = [
        [
            PageCell(f"{100 * chance:g} %", chance),
            *(number_cell(each, place) for each in [*benefits, everybody]),
        ]
        for place, chance in enumerate(SHOWN_CHANCES)
    ]
    return [PageTable("net-benefit", f"{asked.name}: net benefit", columns, rows, note=NOTE)]


SECTION = ClinicalSection(_build, position=6)
