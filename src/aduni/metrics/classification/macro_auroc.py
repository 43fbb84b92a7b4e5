"""Area under the ROC curve, one class against the rest."""

import numpy as np
from numpy.typing import NDArray

from aduni.metrics.metric import Metric
from aduni.metrics.samples import CHUNK, Floats, Samples


def macro_auroc(samples: Samples) -> Floats:
    """Return (S,) means over the classes of the area under the ROC curve of each against the rest.

    The area is the share of pairs (image of the class, other image) that are ranked right; ties
    count one half. NaN where a class is absent.
    """
    complete = np.asarray((samples.counts.true > 0).all(axis=1))
    found = np.full(len(samples.draws), np.nan)
    if complete.any():
        areas = [_areas(samples, number, complete) for number in range(len(samples.counts.true.T))]
        found[complete] = np.mean(areas, axis=0)
    return found


def _areas(samples: Samples, number: int, complete: NDArray[np.bool_]) -> Floats:
    scores = samples.probabilities[:, number]
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # of equal scores
    truth, members = samples.labels[order] == number, samples.members[order]
    draws, parts = samples.draws[complete], []
    for start in range(0, len(draws), CHUNK):
        weights = draws[start : start + CHUNK, members].astype(np.float64)
        positive = np.add.reduceat(weights * truth, starts, axis=1)
        negative = np.add.reduceat(weights * ~truth, starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        ranked_right = np.einsum("ij,ij->i", positive, below)
        parts.append(ranked_right / np.where(pairs > 0, pairs, np.nan))
    return np.concatenate(parts)


METRIC = Metric("macro_auroc", "Macro AUROC", macro_auroc, position=4, max_resamples=500)
