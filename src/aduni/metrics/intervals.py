"""95 % intervals of a test part's figures, by a bootstrap over images or groups of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.metrics.bootstrap import CHUNK, Counts, class_counts, class_f1, group_draws, scores
from aduni.metrics.classification import CALIBRATION_BINS
from aduni.metrics.names import METRICS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]

ENDS = (0.025, 0.975)
RANKED = 500
"""Resamples for the AUROC, which no confusion matrix has and which takes the longest."""


@dataclass(frozen=True)
class Intervals:
    """Lower and upper ends.

    Attributes:
        figures: by their names in metrics.json.
        f1: (C, 2), over the resamples that have the class.
        recall: (C, 2), likewise.
    """

    figures: dict[str, Interval]
    f1: Floats
    recall: Floats


def intervals(
    labels: Ints, probabilities: Floats, groups: Ints, *, ordinal: bool = False
) -> Intervals:
    """The same for the same predictions: the draws are those of the reports.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        groups: (n,) images of one number are drawn together.
        ordinal: whether the classes' order has a meaning; without one there is no kappa.
    """
    classes, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    outcomes = {"label": labels, "row": predicted, "group": groups, "weight": 1}
    counts = _resamples(class_counts(pd.DataFrame(outcomes), "row", classes))
    accuracy, macro_f1 = scores(counts).T
    recall = _recall(counts)
    balanced_accuracy, recall_ends = np.nanmean(recall, axis=1), _ends(recall).T
    del recall  # of many classes each array takes much memory
    draws = group_draws(len(np.unique(groups)))
    members = pd.factorize(groups, sort=True)[0]
    complete = (counts.true[:RANKED] > 0).all(axis=1)
    figures = {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "balanced_accuracy": balanced_accuracy,
        "macro_auroc": macro_auroc(labels, probabilities, draws[:RANKED][complete], members),
        "expected_calibration_error": calibration_error(labels, probabilities, draws, members),
    }
    if ordinal:
        distances = np.bincount(members, weights=(labels - predicted) ** 2.0)
        figures["quadratic_kappa"] = quadratic_kappa(counts, drawn_sums(draws, distances))
    ends = {name: _ends(values) for name, values in figures.items()}
    return Intervals(
        figures={name: _pair(ends[name]) for name in METRICS if name in ends},
        f1=_ends(np.where(counts.true > 0, class_f1(counts), np.nan)).T,
        recall=recall_ends,
    )


def _recall(counts: Counts) -> Floats:
    """(n, C); NaN where a class is absent."""
    recall = np.where(counts.true > 0, counts.true, np.nan)
    return np.divide(counts.hits, recall, out=recall)


def _pair(ends: Floats) -> Interval:
    low, high = ends.tolist()
    return low, high


def _resamples(counts: Counts) -> Counts:
    """Without the sample itself."""
    return Counts(counts.hits[1:], counts.true[1:], counts.predicted[1:], counts.images[1:])


def _ends(values: Floats) -> Floats:
    """(2, ...) of (resamples, ...) values, of which some are missing; NaN where all are."""
    missing = np.isnan(values).all(axis=0)
    held = np.where(missing, 0, values) if missing.any() else values
    return np.where(missing, np.nan, np.nanquantile(held, ENDS, axis=0))


def quadratic_kappa(counts: Counts, distances: Floats) -> Floats:
    """(n,) of n samples, as in `aduni.metrics.classification`; NaN where none is defined.

    sum_ij (i - j)^2 r_i c_j = N sum_i i^2 (r_i + c_i) - 2 (sum_i i r_i) (sum_j j c_j), r and c
    being the images of each class and those taken for it, N their number.

    Args:
        counts: in the samples.
        distances: (n,) sum over images of the squared distance of label and prediction.
    """
    numbers, images = np.arange(counts.true.shape[1], dtype=np.float64), counts.images
    squares = (counts.true + counts.predicted) @ numbers**2
    products = (counts.true @ numbers) * (counts.predicted @ numbers)
    chance = (images * squares - 2 * products) / images
    return np.asarray(1 - distances / np.where(chance > 0, chance, np.nan))


def drawn_sums(draws: NDArray[np.uint8], values: Floats | Ints) -> Floats:
    """(resamples, ...) sums of the drawn groups' values.

    Args:
        draws: (resamples, groups) how often each group is drawn.
        values: (groups, ...).
    """
    starts = range(0, len(draws), CHUNK)
    parts = [draws[start : start + CHUNK].astype(float) @ values for start in starts]
    return np.concatenate(parts)


def calibration_error(
    labels: Ints, probabilities: Floats, draws: NDArray[np.uint8], members: Ints
) -> Floats:
    """(resamples,) expected calibration errors, in the bins of `aduni.metrics.classification`.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        draws: (resamples, groups) how often each group is drawn.
        members: (n,) group of each image.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps, sizes = np.zeros((draws.shape[1], CALIBRATION_BINS)), np.bincount(members)
    np.add.at(gaps, (members, bins), correct - confidence)
    return np.asarray(np.abs(drawn_sums(draws, gaps)).sum(axis=1) / drawn_sums(draws, sizes))


def macro_auroc(
    labels: Ints, probabilities: Floats, draws: NDArray[np.uint8], members: Ints
) -> Floats:
    """(resamples,) one class against the rest, averaged over classes; NaN where one is absent.

    Args: as of `calibration_error`.
    """
    if not len(draws):
        return np.array([np.nan])
    areas = []
    for number, scores_of in enumerate(probabilities.T):
        order = np.argsort(scores_of, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(scores_of[order]) > 0])  # of equal scores
        truth, of_group = labels[order] == number, members[order]
        parts = []
        for start in range(0, len(draws), CHUNK):
            weights = draws[start : start + CHUNK, of_group].astype(np.float32)
            positive = np.add.reduceat(weights * truth, starts, axis=1)
            negative = np.add.reduceat(weights * ~truth, starts, axis=1)
            below = np.cumsum(negative, axis=1) - negative / 2
            pairs = positive.sum(axis=1) * negative.sum(axis=1)
            ranked = np.einsum("ij,ij->i", positive, below)
            parts.append(ranked / np.where(pairs > 0, pairs, np.nan))
        areas.append(np.concatenate(parts))
    return np.asarray(np.mean(areas, axis=0, dtype=np.float64))
