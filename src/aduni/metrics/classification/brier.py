"""Brier score of all classes."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.per_class.brier import class_brier
from aduni.metrics.samples import Floats, Samples


def brier(samples: Samples) -> Floats:
    """Return (S,) sums over the classes of their Brier scores: 0 is best, 2 worst.

    Source: Brier 1950, equation 2.
    """
    return np.asarray(class_brier(samples).sum(axis=1))


METRIC = Metric(
    "brier",
    "Brier score",
    brier,
    best="lowest",
    position=12,
    in_summary=False,
    meaning="mean squared error of all probabilities of an image, 0 to 2",
)
