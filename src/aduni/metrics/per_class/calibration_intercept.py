"""Calibration intercept of a class's probability: calibration in the large."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.recalibration import logistic_fit
from aduni.metrics.samples import Floats, Samples


def class_calibration_intercept(samples: Samples) -> Floats:
    """Return (S, C) intercepts a of logit P(class) = a + logit(p), fitted to the tested images.

    0 is ideal; below 0 the probabilities are too high on the whole, above 0 too low. NaN where the
    class, or every other one, is absent. Source: Van Calster et al. 2019
    (doi 10.1186/s12916-019-1466-7).
    """
    classes = samples.probabilities.shape[1]
    fitted = (logistic_fit(samples, number, slope=False)[0] for number in range(classes))
    return np.stack(list(fitted), axis=1)


METRIC = ClassMetric(
    "calibration_intercept",
    "Calibration intercept",
    class_calibration_intercept,
    best=None,
    position=10,
    max_resamples=200,
)
