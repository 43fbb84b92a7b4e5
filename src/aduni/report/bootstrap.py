"""Bootstrap of two rows' differences over their out-of-fold predictions, the mean over seeds."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array

from aduni.report.runs import Run
from aduni.report.tables import Unit

Floats = NDArray[np.float64]
Units = dict[Unit, Run]

RESAMPLES = 10_000  # an interval's end then comes out again to 0.001
SEED = 0
CHUNK = 200  # resamples at a time: 10,000 groups take 16 MB, and their draws 100 MB


@lru_cache(maxsize=2)
def group_draws(groups: int) -> NDArray[np.uint8]:
    """(RESAMPLES, groups) how often each group is in a bootstrap sample; always the same."""
    rng = np.random.default_rng(SEED)
    draws = np.empty((RESAMPLES, groups), dtype=np.uint8)  # a count over 255 does not happen
    for row in draws:
        row[:] = np.bincount(rng.integers(groups, size=groups), minlength=groups)
    draws.flags.writeable = False
    return draws


def scores(confusion: Floats) -> Floats:
    """(n, 2) accuracy and macro F1 of (n, C, C) confusion matrices, as in `aduni.metrics`."""
    hits, images = np.trace(confusion, axis1=1, axis2=2), confusion.sum(axis=(1, 2))
    f1 = class_f1(confusion)
    return np.stack([hits / np.where(images > 0, images, 1), f1.mean(axis=1)], axis=1)


def class_f1(confusion: Floats) -> Floats:
    """(n, C) F1 of (n, C, C) confusion matrices; 0 of a class neither present nor predicted."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    sizes = confusion.sum(axis=1) + confusion.sum(axis=2)
    f1: Floats = 2 * hits / np.where(sizes > 0, sizes, 1)
    return f1


def seed_weights(units: Units) -> dict[Unit, float]:
    """1/s for each of the s seeds of a fold, so that no fold counts more for having more."""
    return {unit: 1 / sum(fold == unit[0] for fold, _ in units) for unit in units}


def pooled_outcomes(row: Units, baseline: Units) -> pd.DataFrame:
    """Test images of all folds and seeds with what both rows took them for.

    An image that s seeds of a fold have predicted stands there s times with weight 1/s, so that no
    fold counts more for having more of them.

    Args:
        row: runs by fold and seed.
        baseline: runs of the same folds and seeds, on the same images.

    Returns:
        label, row, baseline (class numbers), group, seed, weight.
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
    """Differences in accuracy and macro F1: (2,) of the sample, (RESAMPLES, 2) of its resamples.

    Whole groups are drawn, since photographs of one lesion depend on one another; both rows and
    all seeds share the draws.

    Args:
        outcomes: see `pooled_outcomes`.
        classes: C.
    """
    row, baseline = (mean_of_seeds(outcomes, n, classes, scores) for n in ("row", "baseline"))
    differences = row - baseline
    return differences[0], differences[1:]


def mean_of_seeds(
    outcomes: pd.DataFrame,
    column: str,
    classes: int,
    figures: Callable[[Floats], Floats],
    resamples: int | None = None,
) -> Floats:
    """(1 + resamples, ...) figures of each seed's predictions, averaged by its share of images.

    The F1 of the sum of two seeds' confusion counts is not the mean of theirs, and can be outside
    of both.

    Args:
        outcomes: see `pooled_outcomes`.
        column: as of `confusions`.
        classes: C.
        figures: of (n, C, C) confusion counts.
        resamples: as of `confusions`.
    """
    whole = outcomes.astype({"group": "category"})  # a group has the same draws in every seed
    counts = [confusions(each, column, classes, resamples) for _, each in whole.groupby("seed")]
    shares = [each.sum(axis=(1, 2))[:, None] for each in counts]
    total = sum(share * figures(each) for share, each in zip(shares, counts, strict=True))
    return np.asarray(total / sum(shares))


def confusions(
    outcomes: pd.DataFrame, column: str, classes: int, resamples: int | None = None
) -> Floats:
    """(1 + resamples, C, C) confusion counts, rows true classes: of the sample, of its resamples.

    Args:
        outcomes: label, group, weight, and the column; groups are drawn from those that there are,
            or from all categories.
        column: has the predicted class numbers.
        classes: C.
        resamples: how many, 0 for the sample alone; all RESAMPLES where None.
    """
    groups = outcomes["group"].astype("category").cat
    draws = group_draws(len(groups.categories))[:resamples]
    cells = (outcomes["label"] * classes + outcomes[column]).to_numpy()
    entries = (outcomes["weight"].to_numpy(), (cells, groups.codes))
    counts = coo_array(entries, shape=(classes**2, draws.shape[1])).tocsr()
    parts = [counts @ draws[i : i + CHUNK].T.astype(float) for i in range(0, len(draws), CHUNK)]
    confusion = np.hstack([counts.sum(axis=1)[:, None], *parts]).T
    return confusion.reshape(-1, classes, classes)
