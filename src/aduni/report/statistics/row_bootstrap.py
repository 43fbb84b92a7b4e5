"""Bootstrap of two rows' differences over their out-of-fold predictions, the mean over seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from aduni.report.tables.table import Unit
from aduni.results.finished_runs import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
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


@dataclass(frozen=True)
class Counts:
    """Images of each class in n samples: what the figures need of n confusion matrices.

    The matrices themselves would take memory by the square of the classes.

    Attributes:
        hits: (n, C) predicted right.
        true: (n, C) of the class.
        predicted: (n, C) taken for the class.
        images: (n,) of all classes.
    """

    hits: Floats
    true: Floats
    predicted: Floats
    images: Floats


def scores(counts: Counts) -> Floats:
    """(n, 2) accuracy and macro F1, as in `aduni.metrics.classification`."""
    hits, images = counts.hits.sum(axis=1), counts.images
    f1 = class_f1(counts)
    return np.stack([hits / np.where(images > 0, images, 1), f1.mean(axis=1)], axis=1)


def class_f1(counts: Counts) -> Floats:
    """(n, C) F1; 0 of a class neither present nor predicted."""
    sizes = counts.predicted + counts.true
    sizes[sizes == 0] = 1
    f1: Floats = 2 * counts.hits
    f1 /= sizes  # in place: of many classes each array takes much memory
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
    figures: Callable[[Counts], Floats],
    resamples: int | None = None,
) -> Floats:
    """(1 + resamples, ...) figures of each seed's predictions, averaged by its share of images.

    The F1 of the sum of two seeds' confusion counts is not the mean of theirs, and can be outside
    of both.

    Args:
        outcomes: see `pooled_outcomes`.
        column: as of `class_counts`.
        classes: C.
        figures: (n, ...) of counts in n samples.
        resamples: as of `class_counts`.
    """
    whole = outcomes.astype({"group": "category"})  # a group has the same draws in every seed
    total, images = np.zeros(1), np.zeros(1)
    for _, each in whole.groupby("seed"):  # one at a time: many classes take much memory
        counts = class_counts(each, column, classes, resamples)
        share = counts.images[:, None]
        total, images = total + share * figures(counts), images + share
    return np.asarray(total / images)


def class_counts(
    outcomes: pd.DataFrame, column: str, classes: int, resamples: int | None = None
) -> Counts:
    """Images of each class in 1 + resamples samples: the sample itself, and its resamples.

    Args:
        outcomes: label, group, weight, and the column; groups are drawn from those that there are,
            or from all categories.
        column: has the predicted class numbers.
        classes: C.
        resamples: how many, 0 for the sample alone; all RESAMPLES where None.
    """
    groups = outcomes["group"].astype("category").cat
    draws = group_draws(len(groups.categories))[:resamples]
    numbers = (outcomes["label"] * classes + outcomes[column]).to_numpy()
    cells, cell_of = np.unique(numbers, return_inverse=True)  # of the confusion matrix, in order
    entries = (outcomes["weight"].to_numpy(), (cell_of, groups.codes))
    in_group = coo_array(entries, shape=(len(cells), draws.shape[1])).tocsr()
    sums = _sums(cells, classes)
    found = np.empty((sums.shape[0], 1 + len(draws)))
    found[:, 0] = sums @ in_group.sum(axis=1)
    for i in range(0, len(draws), CHUNK):
        drawn = draws[i : i + CHUNK].T.astype(float)
        found[:, 1 + i : 1 + i + CHUNK] = sums @ (in_group @ drawn)
    hits, true, predicted = (part.T for part in np.split(found[:-1], 3))
    return Counts(hits, true, predicted, found[-1])


def _sums(cells: Ints, classes: int) -> csr_array:
    """(3 C + 1, K) of 0 and 1: from K cells to the hits, rows, columns and sum of the matrix.

    Args:
        cells: (K,) numbers, row * C + column.
        classes: C.
    """
    places = np.arange(len(cells))
    row, column = np.divmod(cells, classes)
    right = row == column
    lines = [row[right], classes + row, 2 * classes + column, np.full(len(cells), 3 * classes)]
    of_cell = np.concatenate([places[right], places, places, places])
    entries = (np.ones(len(of_cell)), (np.concatenate(lines), of_cell))
    return coo_array(entries, shape=(3 * classes + 1, len(cells))).tocsr()
