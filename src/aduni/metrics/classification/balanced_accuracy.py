"""Balanced accuracy."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples, class_recall


def balanced_accuracy(samples: Samples) -> Floats:
    """Return (S,) means of recall over the classes that are present."""
    return np.asarray(np.nanmean(class_recall(samples.counts), axis=1))


METRIC = Metric("balanced_accuracy", "Balanced accuracy", balanced_accuracy, position=3)
