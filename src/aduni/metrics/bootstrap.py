"""Bootstrap resamples of predictions: draws of whole groups, and class counts in each resample."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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
