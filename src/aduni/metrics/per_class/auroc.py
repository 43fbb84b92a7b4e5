"""Area under the ROC curve of a class against the rest."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.ranking import ranked_counts
from aduni.metrics.samples import Floats, Samples


def class_auroc(samples: Samples) -> Floats:
    """Return (S, C) shares of pairs (image of the class, other image) that are ranked right.

    Ties count one half. NaN where the class, or every other one, is absent.
    """
    classes = samples.probabilities.shape[1]
    return np.stack([_areas(samples, number) for number in range(classes)], axis=1)


def _areas(samples: Samples, number: int) -> Floats:
    parts = []
    for of_class, others in ranked_counts(samples, number):
        below = np.cumsum(others, axis=1) - others / 2
        pairs = of_class.sum(axis=1) * others.sum(axis=1)
        ranked_right = np.einsum("ij,ij->i", of_class, below)
        parts.append(ranked_right / np.where(pairs > 0, pairs, np.nan))
    return np.concatenate(parts)


METRIC = ClassMetric("auroc", "AUROC", class_auroc, position=5, max_resamples=500)
