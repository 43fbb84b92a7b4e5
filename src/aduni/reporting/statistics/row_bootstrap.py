"""Bootstrap the difference of two rows over their out-of-fold predictions, averaged over seeds."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from aduni.metrics.classification.accuracy import accuracy
from aduni.metrics.classification.macro_f1 import macro_f1
from aduni.metrics.samples import Counts, Floats, count_classes, group_draws
from aduni.reporting.tables.table import Unit
from aduni.results.finished_runs import Run

Units = dict[Unit, Run]


def seed_weights(units: Units) -> dict[Unit, float]:
    """Return 1/s for each of the s seeds of a fold, so that all folds count the same."""
    return {unit: 1 / sum(fold == unit[0] for fold, _ in units) for unit in units}


def pooled_outcomes(row: Units, baseline: Units) -> pd.DataFrame:
    """Return label, row, baseline (classes), group, seed and weight of all test predictions.

    An image that s seeds of a fold have predicted has s lines of weight 1/s, so that no fold counts
    more for having more of them.
    """
    frames, weights = [], seed_weights(row)
    for unit, run in row.items():
        _, labels, probabilities = run.test_predictions()
        _, _, others = baseline[unit].test_predictions()
        test = run.split[run.split["part"] == "test"].sort_values("image")
        outcomes = {
            "label": labels,
            "row": probabilities.argmax(axis=1),
            "baseline": others.argmax(axis=1),
            "group": test["group"].to_numpy(),
            "seed": unit[1],
            "weight": weights[unit],
        }
        frames.append(pd.DataFrame(outcomes))
    return pd.concat(frames, ignore_index=True)


def bootstrap(outcomes: pd.DataFrame, classes: int) -> tuple[Floats, Floats]:
    """Return (2,) differences in accuracy and macro F1, and (RESAMPLES, 2) of the resamples.

    Whole groups are drawn, since photographs of one lesion depend on one another; both rows and
    all seeds share the draws.
    """
    row, baseline = (mean_of_seeds(outcomes, n, classes, scores) for n in ("row", "baseline"))
    differences = row - baseline
    return differences[0], differences[1:]


def scores(counts: Counts) -> Floats:
    """Return (S, 2) accuracy and macro F1 of S samples."""
    return np.stack([accuracy(counts), macro_f1(counts)], axis=1)


def mean_of_seeds(
    outcomes: pd.DataFrame,
    column: str,
    classes: int,
    metrics: Callable[[Counts], Floats],
    resamples: int | None = None,
) -> Floats:
    """Return (1 + resamples, ...) metrics of each seed's predictions, weighted by its images.

    The F1 of the sum of two seeds' confusion counts is not the mean of theirs, and can be outside
    of both. Predictions are in `column`; without `resamples`, all are used.
    """
    whole = outcomes.astype({"group": "category"})  # a group has the same draws in every seed
    total, images = np.zeros(1), np.zeros(1)
    for _, each in whole.groupby("seed"):  # one at a time: many classes take much memory
        groups = each["group"].cat
        counts = count_classes(
            each["label"].to_numpy(),
            each[column].to_numpy(),
            each["weight"].to_numpy(),
            groups.codes.to_numpy().astype(np.int64),
            group_draws(len(groups.categories))[:resamples],
            classes,
            with_whole=True,
        )
        share = counts.images[:, None]
        total, images = total + share * metrics(counts), images + share
    return np.asarray(total / images)
