"""Calibration slope of a class's probability."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.recalibration import logistic_fit
from aduni.metrics.samples import Floats, Samples


def class_calibration_slope(samples: Samples) -> Floats:
    """Return (S, C) slopes b of logit P(class) = a + b logit(p), fitted to the tested images.

    1 is ideal; below 1 the probabilities are too extreme, above 1 not extreme enough. NaN where the
    class, or every other one, is absent, and where the probabilities separate it from the rest.
    Source: Cox 1958; Van Calster et al. 2019 (doi 10.1186/s12916-019-1466-7).
    """
    classes = samples.probabilities.shape[1]
    return np.stack([logistic_fit(samples, number)[1] for number in range(classes)], axis=1)


METRIC = ClassMetric(
    "calibration_slope",
    "Calibration slope",
    class_calibration_slope,
    best=None,
    position=9,
    max_resamples=200,
)
