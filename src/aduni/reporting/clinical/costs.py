"""Expected cost of decisions, with a matrix of what each mistake costs."""

from collections.abc import Sequence

import numpy as np

from aduni.metrics.estimate import Estimate
from aduni.metrics.expected_cost import cheapest_decisions, expected_cost
from aduni.metrics.samples import Floats, Ints
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.cost_matrix import read_cost_matrix

NOTE = (
    "Mean cost of a test image by {file}. The least expected cost is that of the class for which "
    "the costs, weighted with the probabilities, are least; it needs calibrated probabilities. One "
    "class for all images is the one that would cost least on the test images, without any model."
)


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    if questions.cost_matrix is None:
        return []
    costs = read_cost_matrix(questions.cost_matrix, models[0].class_names)
    columns = [Column("Model"), Column("Decision"), Column("Mean cost", numeric=True)]
    columns += [Column("to the most probable class", numeric=True)]
    rows = []
    for model in models:
        of_seeds = [seed.samples.probabilities for seed in model.seeds]
        probable = _cost(model, [each.argmax(axis=1) for each in of_seeds], costs)
        least = _cost(model, [cheapest_decisions(each, costs) for each in of_seeds], costs)
        label = PageCell(model.label)
        rows.append([label, PageCell("most probable class"), number_cell(probable), UNDEFINED])
        rows.append(
            [
                *(label, PageCell("least expected cost"), number_cell(least)),
                number_cell(least - probable, signed=True),
            ]
        )
    rows.append(_constant(models[0], costs))
    note = NOTE.format(file=questions.cost_matrix.name)
    return [PageTable("costs", "Expected cost", columns, rows, note=note)]


def _cost(model: ModelPredictions, decisions: Sequence[Ints], costs: Floats) -> Estimate:
    found = [
        expected_cost(seed.samples.first(1 + MAX_RESAMPLES), decided, costs)
        for seed, decided in zip(model.seeds, decisions, strict=True)
    ]
    return Estimate(np.mean(found, axis=0))


def _constant(model: ModelPredictions, costs: Floats) -> list[PageCell]:
    """Show the cost of the class that costs least if it is decided for all images."""
    best = int((np.array(model.test_counts) @ costs).argmin())
    cost = _cost(model, [np.full(len(s.samples.labels), best) for s in model.seeds], costs)
    name = model.class_names[best]
    return [PageCell("no model"), PageCell(f"{name} for all images"), number_cell(cost), UNDEFINED]


SECTION = ClinicalSection(_build, position=8)
