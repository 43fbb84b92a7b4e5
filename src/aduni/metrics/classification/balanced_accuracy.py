"""Balanced accuracy."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Ints, Samples, class_mean, class_recall


def balanced_accuracy(samples: Samples) -> Floats:
    """Return (S,) means of recall over the classes that are present."""
    return mean_recall(samples, np.arange(samples.probabilities.shape[1]))


def mean_recall(samples: Samples, classes: Ints) -> Floats:
    """Return (S,) means of recall over those of some classes that are present; NaN without any."""
    return class_mean(class_recall(samples.counts)[:, classes])


METRIC = Metric(
    "balanced_accuracy",
    "Balanced accuracy",
    balanced_accuracy,
    position=3,
    meaning="mean recall of the classes that have images",
)
