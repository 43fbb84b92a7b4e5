"""Measure how well classes are separated in feature space, since pictures of it mislead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 1500
"""Images that are shown and measured at most."""
SEED = 0
NEIGHBOURS = 20
MIN_PER_CLASS = 10
"""Images of a class that a sample keeps at least."""
CHUNK = 1024
"""Rows of the similarity matrix that are in memory at a time."""

MIN_NORM = 1e-12
MIN_SPREAD = 1e-5
"""Range of a coordinate of unit vectors; rounding in fp32 alone gives 6e-8."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Separability:
    """Measures by cosine similarity; macro is the mean over classes.

    Attributes:
        silhouette: from -1 to 1, mean over the sample; None where the sample has a single class or
            as many classes as images.
        knn_accuracy: share of all images whose k nearest others elect its class.
    """

    silhouette: float | None
    macro_silhouette: float | None
    neighbours: int
    knn_accuracy: float
    macro_knn_accuracy: float


def normalised(features: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (N, D) rows of length 1; a row of zeros stays."""
    rows = features.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.float32(MIN_NORM)))


def stratified_sample(labels: Ints, limit: int, seed: int) -> Ints:
    """Return sorted positions of at most `limit` images, or one of each class, drawn by class.

    A class keeps min(n_c, MIN_PER_CLASS) images, fewer if there are too many classes for the limit,
    and of the others as large a share as every class. No class keeps none.
    """
    if len(labels) <= limit:
        return np.arange(len(labels))
    counts = np.bincount(labels)
    fair = limit // int(np.count_nonzero(counts))
    kept = np.minimum(counts, max(min(MIN_PER_CLASS, fair), 1))
    share = max(limit - kept.sum(), 0) / (len(labels) - kept.sum())
    quotas = kept + np.floor((counts - kept) * share).astype(int)
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in enumerate(quotas)]
    return np.sort(np.concatenate(chosen))


def separability(labels: Ints, features: NDArray[np.floating], sample: Ints) -> Separability:
    """Compute all measures of (N,) labels and (N, D) features.

    The silhouette needs all distances at once, so it is that of the sample's (n,) positions.
    """
    unit = normalised(features)
    counts = np.bincount(labels)
    k = max(min(NEIGHBOURS, int(counts[counts > 0].min()) - 1), 1)  # the rarest class can fill it
    correct = elected_by_neighbours(labels, unit, k) == labels
    silhouettes = _silhouettes(labels[sample], unit[sample])
    return Separability(
        None if silhouettes is None else float(silhouettes.mean()),
        None if silhouettes is None else _macro(labels[sample], silhouettes),
        k,
        float(correct.mean()),
        _macro(labels, correct),
    )


def elected_by_neighbours(labels: Ints, unit: NDArray[np.float32], k: int) -> Ints:
    """Return (N,) majority classes of the k nearest other images.

    Ties go to the class whose neighbours are more similar in sum.
    """
    elected = np.empty_like(labels)
    classes = np.eye(int(labels.max()) + 1)
    for first in range(0, len(labels), CHUNK):
        similarities = unit[first : first + CHUNK] @ unit.T
        rows = np.arange(len(similarities))[:, None]
        similarities[rows[:, 0], first + rows[:, 0]] = -np.inf  # not its own neighbour
        nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
        votes = classes[labels[nearest]]
        sums = (votes * similarities[rows, nearest][:, :, None]).sum(axis=1)
        scores = votes.sum(axis=1) + sums / (2 * k + 1)  # below half a vote
        elected[first : first + CHUNK] = scores.argmax(axis=1)
    return elected


def _silhouettes(labels: Ints, unit: NDArray[np.float32]) -> NDArray[np.float64] | None:
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    from sklearn.metrics import silhouette_samples  # takes a second

    return np.asarray(silhouette_samples(unit, labels, metric="cosine"), dtype=np.float64)


def _macro(labels: Ints, values: NDArray[np.generic]) -> float:
    return float(np.mean([values[labels == c].mean() for c in np.unique(labels)]))


def has_spread(labels: Ints, features: NDArray[np.floating]) -> bool:
    """Return whether the images that a figure shows have different directions.

    t-SNE divides by the spread of its points: without any it crashes.
    """
    unit = normalised(features[stratified_sample(labels, POINTS, SEED)])
    return bool(np.ptp(unit, axis=0).max() > MIN_SPREAD)
