"""Weighted samples of predictions: class counts in each, and bootstrap draws of whole groups."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Draws = NDArray[np.uint8]

RESAMPLES = 10_000  # an interval's end then repeats to 0.001 under another seed
SEED = 0
CHUNK = 200  # resamples at a time: 10,000 groups take 16 MB, and their draws 100 MB


@lru_cache(maxsize=2)
def group_draws(groups: int) -> Draws:
    """Return (RESAMPLES, groups) counts of each group in a bootstrap sample; always the same."""
    rng = np.random.default_rng(SEED)
    draws = np.empty((RESAMPLES, groups), dtype=np.uint8)  # a count over 255 does not happen
    for row in draws:
        row[:] = np.bincount(rng.integers(groups, size=groups), minlength=groups)
    draws.flags.writeable = False
    return draws


@dataclass(frozen=True)
class Counts:
    """Class counts in S samples: what most metrics need of S confusion matrices.

    The matrices themselves would take memory by the square of the classes.

    Attributes:
        hits: (S, C) images of the class that were predicted right.
        images: (S,) images of all classes.
    """

    hits: Floats
    true: Floats
    predicted: Floats
    images: Floats


@dataclass(frozen=True)
class Samples:
    """Predictions of n images, and S samples of G groups of them.

    Attributes:
        labels: (n,) true classes.
        probabilities: (n, C).
        members: (n,) group of each image, 0 .. G - 1.
        draws: (S, G) how often each sample holds each group.
    """

    labels: Ints
    probabilities: Floats
    members: Ints
    draws: Draws

    @classmethod
    def single(cls, labels: Ints, probabilities: Floats) -> "Samples":
        """Return one sample that holds every image once."""
        draws = np.ones((1, len(labels)), dtype=np.uint8)
        return cls(labels, probabilities, np.arange(len(labels)), draws)

    @classmethod
    def resampled(cls, labels: Ints, probabilities: Floats, groups: Ints) -> "Samples":
        """Return the bootstrap resamples of whole groups; (n,) groups may have any numbers."""
        members = pd.factorize(groups, sort=True)[0].astype(np.int64)
        return cls(labels, probabilities, members, group_draws(int(members.max()) + 1))

    def first(self, samples: int) -> "Samples":
        return replace(self, draws=self.draws[:samples])

    def of_images(self, chosen: NDArray[np.bool_]) -> "Samples":
        """Return the samples with the (n,) chosen images only; the draws of the groups stay."""
        return replace(
            self,
            labels=self.labels[chosen],
            probabilities=self.probabilities[chosen],
            members=self.members[chosen],
        )

    @cached_property
    def predicted(self) -> Ints:
        """(n,) most probable classes."""
        predicted: Ints = self.probabilities.argmax(axis=1)
        return predicted

    @cached_property
    def counts(self) -> Counts:
        weights, classes = np.ones(len(self.labels)), self.probabilities.shape[1]
        return count_classes(
            self.labels, self.predicted, weights, self.members, self.draws, classes
        )

    def sums(self, values: Floats | Ints) -> Floats:
        """Return (S, ...) sums over the drawn groups of their (G, ...) values."""
        starts = range(0, len(self.draws), CHUNK)
        parts = [self.draws[i : i + CHUNK].astype(float) @ values for i in starts]
        return np.concatenate(parts)

    def means(self, values: Floats) -> Floats:
        """Return (S, ...) means over the images of (n, ...) values; NaN in an empty sample."""
        groups = self.draws.shape[1]
        totals = np.zeros((groups, *values.shape[1:]))
        np.add.at(totals, self.members, values)
        images = self.sums(np.bincount(self.members, minlength=groups)).astype(np.float64)
        images = np.where(images > 0, images, np.nan).reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(self.sums(totals) / images)


def class_f1(counts: Counts) -> Floats:
    """Return (S, C) F1 scores; 0 for a class neither present nor predicted."""
    sizes = counts.predicted + counts.true
    sizes[sizes == 0] = 1
    f1: Floats = 2 * counts.hits
    f1 /= sizes  # in place: of many classes each array takes much memory
    return f1


def class_recall(counts: Counts) -> Floats:
    """Return (S, C) recalls; NaN for a class that is absent."""
    recall = np.where(counts.true > 0, counts.true, np.nan)
    return np.divide(counts.hits, recall, out=recall)


def class_mean(values: Floats) -> Floats:
    """Return (S,) means of (S, C) values over the classes that have one; NaN where none has."""
    defined = (~np.isnan(values)).sum(axis=1)
    return np.asarray(np.nansum(values, axis=1) / np.where(defined > 0, defined, np.nan))


def count_classes(
    labels: Ints,
    predicted: Ints,
    weights: Floats,
    members: Ints,
    draws: Draws,
    classes: int,
    *,
    with_whole: bool = False,
) -> Counts:
    """Count true, predicted and right images of each class in every sample.

    Args:
        members: (n,) group of each image.
        draws: (S, G) how often each sample holds each group.
        with_whole: put the sample that holds every group once before the others.
    """
    from scipy.sparse import coo_array  # takes a fifth of a second

    cells, cell_of = np.unique(labels * classes + predicted, return_inverse=True)
    shape = (len(cells), draws.shape[1])
    in_group = coo_array((weights, (cell_of, members)), shape=shape).tocsr()
    sums, offset = _sums_of_cells(cells, classes), int(with_whole)
    found = np.empty((sums.shape[0], offset + len(draws)))
    if with_whole:
        found[:, 0] = sums @ in_group.sum(axis=1)
    for i in range(0, len(draws), CHUNK):
        drawn = draws[i : i + CHUNK].T.astype(float)
        found[:, offset + i : offset + i + CHUNK] = sums @ (in_group @ drawn)
    hits, true, as_class = (part.T for part in np.split(found[:-1], 3))
    return Counts(hits, true, as_class, found[-1])


def _sums_of_cells(cells: Ints, classes: int) -> "csr_array":
    """Return the (3 C + 1, K) matrix of 0 and 1 that sums K confusion cells, row * C + column.

    Its rows give the hits, row sums, column sums and total of a confusion matrix.
    """
    from scipy.sparse import coo_array

    positions = np.arange(len(cells))
    row, column = np.divmod(cells, classes)
    right = row == column
    lines = [row[right], classes + row, 2 * classes + column, np.full(len(cells), 3 * classes)]
    of_cell = np.concatenate([positions[right], positions, positions, positions])
    entries = (np.ones(len(of_cell)), (np.concatenate(lines), of_cell))
    return coo_array(entries, shape=(3 * classes + 1, len(cells))).tocsr()
