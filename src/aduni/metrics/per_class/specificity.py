"""Specificity of a class against the rest."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import Floats, Samples


def class_specificity(samples: Samples) -> Floats:
    """Return (S, C) shares of the images of other classes that are not predicted as the class.

    NaN where there are no other images.
    """
    counts = samples.counts
    others = counts.images[:, None] - counts.true
    taken_for_it = counts.predicted - counts.hits
    return np.asarray(1 - taken_for_it / np.where(others > 0, others, np.nan))


METRIC = ClassMetric("specificity", "Specificity", class_specificity, position=3)
