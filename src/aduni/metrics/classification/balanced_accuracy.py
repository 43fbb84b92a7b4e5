"""Balanced accuracy."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Ints, Samples, class_recall


def balanced_accuracy(samples: Samples) -> Floats:
    """Return (S,) means of recall over the classes that are present."""
    return mean_recall(samples, np.arange(samples.probabilities.shape[1]))


def mean_recall(samples: Samples, classes: Ints) -> Floats:
    """Return (S,) means of recall over those of some classes that are present; NaN without any."""
    recall = class_recall(samples.counts)[:, classes]
    present = (~np.isnan(recall)).sum(axis=1)
    return np.asarray(np.nansum(recall, axis=1) / np.where(present > 0, present, np.nan))


METRIC = Metric("balanced_accuracy", "Balanced accuracy", balanced_accuracy, position=3)
