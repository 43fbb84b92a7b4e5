"""F1 of a class: the harmonic mean of precision and recall."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import Floats, Samples, class_f1


def f1_of_present(samples: Samples) -> Floats:
    """Return (S, C) F1 scores; NaN for a class without images, whose recall nobody knows."""
    return np.where(samples.counts.true > 0, class_f1(samples.counts), np.nan)


METRIC = ClassMetric("f1", "F1", f1_of_present, position=4)
