"""Rounded probabilities sum to 1, keep every decision, and are those of a slow loop."""

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from aduni.results.finished_runs import read_run
from aduni.results.short_predictions import rounded, with_short_predictions
from hand_made import make_run


def by_loop(row, decimals):
    """Largest remainder, row by row."""
    units = 10**decimals
    counts = [int(p * units) for p in row]
    order = sorted(range(len(row)), key=lambda c: (counts[c] - row[c] * units, c))
    for c in order[: units - sum(counts)]:
        counts[c] += 1
    return [count / units for count in counts]


@pytest.mark.parametrize("classes", [2, 3, 7, 100])
def test_rows_are_rounded_by_the_largest_remainder(classes):
    rng = np.random.default_rng(classes)
    table = rng.dirichlet(np.full(classes, 0.3), 200)
    made = rounded(table, table.argmax(axis=1), 4)
    assert np.abs(made.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(made - table).max() < 2e-4
    same = [row.tolist() == by_loop(exact, 4) for row, exact in zip(made, table, strict=True)]
    assert np.mean(same) > 0.95  # others had a tie at the top
    assert np.array_equal(made.argmax(axis=1), table.argmax(axis=1))


def test_a_tie_at_the_top_goes_to_the_chosen_class():
    table = np.array([[0.33333, 0.33331, 0.33336], [0.5, 0.5, 0.0]])
    made = rounded(table, np.array([2, 1]), 2)
    assert made.tolist() == [[0.33, 0.33, 0.34], [0.49, 0.51, 0.0]]


def test_a_run_keeps_its_decisions_and_has_the_metrics_of_what_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 3, (2, 60)).tolist()
    sure = rng.uniform(0.34, 1, 60)
    run = make_run(tmp_path / "run", labels=labels, predicted=predicted, confidence=sure)
    before = read_run(run)
    table, metrics = with_short_predictions(run, 4)
    frame = pd.read_csv(StringIO(table))
    assert frame["predicted"].tolist() == before.predictions["predicted"].tolist()
    assert frame.filter(like="p_").map(lambda p: len(str(p)) <= 6).to_numpy().all()
    for key in ("accuracy", "macro_f1", "confusion"):
        if key in before.test:
            assert metrics["test"][key] == before.test[key]
    assert metrics["test"]["macro_auroc"] == pytest.approx(before.test["macro_auroc"], abs=1e-3)

    run.predictions.write_text(table)
    run.metrics.write_text(json.dumps(metrics))
    assert read_run(run).test == metrics["test"]  # the reader recomputes them
