"""Confusion matrix as shares of the true classes, in every sample."""

import numpy as np

from aduni.metrics.samples import Floats, Samples


def confusion_rates(samples: Samples) -> Floats:
    """Return (S, C, C) shares of the true class, first, that are predicted as each class.

    NaN for a true class that a sample lacks.
    """
    classes = samples.probabilities.shape[1]
    cells = np.zeros((len(samples.labels), classes * classes))
    cells[np.arange(len(cells)), samples.labels * classes + samples.predicted] = 1
    shares = samples.means(cells).reshape(-1, classes, classes)
    true = shares.sum(axis=2, keepdims=True)
    return np.asarray(shares / np.where(true > 0, true, np.nan))
