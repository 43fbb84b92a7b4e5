"""95 % intervals of a test part's figures, by a bootstrap over images or groups of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.metrics import CALIBRATION_BINS
from aduni.report.bootstrap import CHUNK, confusions, group_draws, scores

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


def intervals(labels: Ints, probabilities: Floats, groups: Ints) -> Intervals:
    """The same for the same predictions: the draws are those of the reports.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        groups: (n,) images of one number are drawn together.
    """
    classes = probabilities.shape[1]
    outcomes = {"label": labels, "row": probabilities.argmax(axis=1), "group": groups, "weight": 1}
    confusion = confusions(pd.DataFrame(outcomes), "row", classes)[1:]
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    support = confusion.sum(axis=2)
    held = np.where(support > 0, support, np.nan)
    recall, f1 = hits / held, 2 * hits / (held + confusion.sum(axis=1))
    accuracy, macro_f1 = scores(confusion).T
    draws = group_draws(len(np.unique(groups)))
    members = pd.factorize(groups, sort=True)[0]
    figures = {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "balanced_accuracy": np.nanmean(recall, axis=1),
        "macro_auroc": macro_auroc(labels, probabilities, draws[:RANKED], members),
        "quadratic_kappa": quadratic_kappa(confusion),
        "expected_calibration_error": calibration_error(labels, probabilities, draws, members),
    }
    ends = {name: _ends(values) for name, values in figures.items()}
    return Intervals(
        figures={name: (float(low), float(high)) for name, (low, high) in ends.items()},
        f1=_ends(f1).T,
        recall=_ends(recall).T,
    )


def _ends(values: Floats) -> Floats:
    """(2, ...) of (resamples, ...) values, of which some are missing; NaN where all are."""
    missing = np.isnan(values).all(axis=0)
    return np.where(missing, np.nan, np.nanquantile(np.where(missing, 0, values), ENDS, axis=0))


def quadratic_kappa(confusion: Floats) -> Floats:
    """(n,) of (n, C, C) confusion matrices, as in `aduni.metrics`; NaN where none is defined."""
    numbers = np.arange(confusion.shape[1])
    weights = (numbers[:, None] - numbers) ** 2
    expected = confusion.sum(axis=2)[:, :, None] * confusion.sum(axis=1)[:, None, :]
    chance = (weights * expected).sum(axis=(1, 2)) / confusion.sum(axis=(1, 2))
    observed = (weights * confusion).sum(axis=(1, 2))
    return np.asarray(1 - observed / np.where(chance > 0, chance, np.nan))


def calibration_error(
    labels: Ints, probabilities: Floats, draws: NDArray[np.uint8], members: Ints
) -> Floats:
    """(resamples,) expected calibration errors, in the bins of `aduni.metrics`.

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
    errors = []
    for start in range(0, len(draws), CHUNK):
        drawn = draws[start : start + CHUNK].astype(float)
        errors.append(np.abs(drawn @ gaps).sum(axis=1) / (drawn @ sizes))
    return np.concatenate(errors)


def macro_auroc(
    labels: Ints, probabilities: Floats, draws: NDArray[np.uint8], members: Ints
) -> Floats:
    """(resamples,) one class against the rest, averaged over classes; NaN where one is absent.

    Args: as of `calibration_error`.
    """
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
