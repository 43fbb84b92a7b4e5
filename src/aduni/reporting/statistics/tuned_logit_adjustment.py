"""Post-hoc logit adjustment of every run, with tau tuned on its validation part.

Methods differ in macro F1 partly by their bias toward frequent classes, which one parameter a run,
tau, removes.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.metrics.classification.macro_f1 import macro_f1
from aduni.metrics.evaluation import evaluate
from aduni.metrics.samples import Counts
from aduni.reporting.tables.build_table import cell_over, with_best
from aduni.reporting.tables.table import Runs, Table, TableRow
from aduni.results.finished_runs import Run
from aduni.results.predictions_csv import labels_and_probabilities, probability_columns

Floats = NDArray[np.float64]

TAU_GRID = np.arange(-40, 41) / 20
SUFFIX = "-moved"
"""End of the adjusted table's name, and so of its files."""
MIN_PROBABILITY = 1e-12
"""Probabilities are raised to this before they are adjusted."""
NOTE = (
    "Each run decides by the largest log p - tau log n, n the training images of a class, with the "
    "tau of the highest macro F1 on the validation part: what remains of a difference where "
    "frequent and rare classes are decided between alike. Intervals take tau as given."
)
DIGITS = 12
"""Macro F1 is rounded to these in the search, since equally good taus differ by rounding."""


def with_tuned_adjustment(run: Run) -> Run | None:
    """Return the run with decisions argmax_c log p_c - tau log pi_c, pi_c the training shares.

    tau maximises macro F1 on the validation part among `TAU_GRID`; of equally good ones it is the
    nearest to 0, then the negative one. A class without training images counts as having one.
    Source: post-hoc logit adjustment, Menon et al. 2021, equation 9, with tau from validation.

    Returns:
        A copy with probabilities p_c pi_c^-tau / sum in all parts, their metrics, and `tau` among
        these; None without a validation part, or without knowledge of the training part.
    """
    names, frame = run.class_names, run.predictions
    validation = frame[frame["part"] == "validation"]
    trained = list(run.metrics["training_counts"].values())
    if validation.empty or not any(trained):
        return None
    counts = np.maximum(trained, 1)
    prior = counts / counts.sum()
    tau = _best_tau(*labels_and_probabilities(validation, names), prior)
    _, before = labels_and_probabilities(frame, names)
    after = _adjusted(before, prior, tau)
    columns = dict(zip(probability_columns(names), after.T, strict=True))
    predicted = np.array(names)[after.argmax(axis=1)]
    frame = frame.assign(predicted=predicted, **columns)
    metrics = {
        part: evaluate(
            *labels_and_probabilities(frame[frame["part"] == part], names),
            names,
            ordinal=run.ordinal,
        )
        for part in ("validation", "test")
    }
    return replace(run, predictions=frame, metrics={**run.metrics, **metrics, "tau": tau})


def adjusted_table(table: Table) -> Table:
    """Return the table over its adjusted runs, without the paper's values.

    A row without a run that can be adjusted shows no value, and is not among the runs.
    """
    runs = _adjusted_runs(table)
    rows = []
    for row in table.rows:
        cells = []
        for cell in row.cells:
            place = (row.label, cell.dataset)
            state = "no validation part" if table.runs.get(place) else cell.state or "not run"
            planned = table.planned_of(row.label, cell.dataset)
            units = runs.get(place, {})
            cells.append(cell_over(cell.dataset, cell.metric, units, planned, None, state))
        rows.append(TableRow(row.name, row.block, row.label, tuple(cells)))
    return replace(
        table,
        name=f"{table.name}{SUFFIX}",
        title=f"{table.title}, with tuned logit adjustment",
        note=NOTE,
        rows=tuple(with_best(rows)),
        runs=runs,
    )


def tau_frame(table: Table, adjusted: Table) -> pd.DataFrame:
    """Return one line for each run, in the order of data sets, rows, folds and seeds.

    Args:
        table: the table without the adjustment.
        adjusted: its `adjusted_table`.

    Returns:
        dataset, row (label), fold, seed; tau; macro_f1 of the test part without the
        adjustment, and moved_macro_f1 with it. The latter and tau are NaN without a validation
        part.
    """
    numbers = dict.fromkeys(("tau", "macro_f1", "moved_macro_f1"), np.float64)
    columns = ("dataset", "row", "fold", "seed", *numbers)
    frame = pd.DataFrame(list(_lines(table, adjusted.runs)), columns=columns)
    return frame.astype({"fold": np.int64, "seed": np.int64, **numbers})


def _lines(table: Table, runs: Runs) -> Iterator[tuple[object, ...]]:
    for dataset in table.datasets:
        for row in table.rows:
            place = (row.label, dataset)
            for unit, run in sorted(table.runs.get(place, {}).items()):
                after = runs.get(place, {}).get(unit)
                tau = after.metrics["tau"] if after else None
                f1 = after.test["macro_f1"] if after else None
                yield dataset, row.label, *unit, tau, run.test["macro_f1"], f1


def _adjusted_runs(table: Table) -> Runs:
    """Return the runs that can be adjusted, by row."""
    runs: Runs = {}
    for place, units in table.runs.items():
        pairs = ((unit, with_tuned_adjustment(run)) for unit, run in units.items())
        found = {unit: run for unit, run in pairs if run is not None}
        if found:
            runs[place] = found
    return runs


def _adjusted(probabilities: Floats, prior: Floats, tau: float) -> Floats:
    """Return (n, C) p_c pi_c^-tau / sum of (n, C) p and (C,) pi."""
    weights = np.maximum(probabilities, MIN_PROBABILITY) * prior**-tau
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _best_tau(labels: NDArray[np.int64], probabilities: Floats, prior: Floats) -> float:
    """Return the tau of the highest macro F1.

    Args:
        labels: (n,) classes.
        probabilities: (n, C).
        prior: (C,).
    """
    decided = [_adjusted(probabilities, prior, tau).argmax(axis=1) for tau in TAU_GRID]
    hits, true, predicted = (
        np.stack([np.bincount(numbers, minlength=len(prior)) for numbers in each]).astype(float)
        for each in ([labels[labels == d] for d in decided], [labels] * len(TAU_GRID), decided)
    )
    counts = Counts(hits, true, predicted, true.sum(axis=1))
    f1 = macro_f1(counts).round(DIGITS)
    best = TAU_GRID[f1 == f1.max()].tolist()
    return float(min(best, key=lambda tau: (abs(tau), tau)))
