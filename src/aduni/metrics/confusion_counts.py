"""Confusion matrix as counts of images."""

import numpy as np

from aduni.metrics.samples import Ints


def confusion_counts(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """Return (C, C) images by true (first) and predicted class."""
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)
