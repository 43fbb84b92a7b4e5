"""Precision of a class: positive predictive value."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import Floats, Samples


def class_precision(samples: Samples) -> Floats:
    """Return (S, C) shares of the images predicted as a class that are of it.

    They depend on how frequent the class is among the tested images. NaN where none is predicted.
    """
    counts = samples.counts
    return np.asarray(counts.hits / np.where(counts.predicted > 0, counts.predicted, np.nan))


METRIC = ClassMetric("precision", "Precision", class_precision, position=1)
