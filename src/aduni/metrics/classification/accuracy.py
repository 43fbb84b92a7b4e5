"""Accuracy."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Counts, Floats


def accuracy(counts: Counts) -> Floats:
    """Return (S,) shares of images that are predicted right; 0 in an empty sample."""
    return np.asarray(counts.hits.sum(axis=1) / np.where(counts.images > 0, counts.images, 1))


METRIC = Metric(
    "accuracy",
    "Accuracy",
    lambda samples: accuracy(samples.counts),
    position=1,
    meaning="share of images that are right",
)
