"""Expected cost of decisions, with a matrix of what each mistake costs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aduni.errors import UserError, did_you_mean
from aduni.metrics.estimate import Estimate
from aduni.metrics.expected_cost import cheapest_decisions, expected_cost
from aduni.metrics.samples import Floats, Ints
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.system.atomic_files import readable

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


def read_cost_matrix(file: Path, class_names: Sequence[str]) -> Floats:
    """Return (C, C) costs of deciding for the column's class where the row's is true.

    Args:
        file: CSV whose first column names the true class, with a column for each class.
        class_names: C names.

    Raises:
        UserError: if a class has no row or column, or a cell is not a number.
    """
    remedy = "give a row for each true class, with a column for the cost of each decision"
    with readable(file, "set cost_matrix to a CSV file"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table = table.set_index(table.columns[0])
    table.index, table.columns = table.index.str.strip(), table.columns.str.strip()
    for axis, found in (("row", table.index), ("column", table.columns)):
        for name in class_names:
            if list(found).count(name) != 1:
                number = "several" if name in found else "no"
                raise UserError(
                    f"cost_matrix={file} has {number} {axis} of {name}"
                    f"{did_you_mean(name, list(found))}; {remedy}."
                )
    costs = table.loc[list(class_names), list(class_names)].apply(pd.to_numeric, errors="coerce")
    wrong = np.argwhere(~np.isfinite(costs.to_numpy(dtype=np.float64)))
    if len(wrong):
        row, column = (class_names[place] for place in wrong[0])
        raise UserError(
            f"cost_matrix={file} has no number where {row} is true and {column} is decided; "
            f"{remedy}."
        )
    return np.asarray(costs, dtype=np.float64)


SECTION = ClinicalSection(_build, position=6)
