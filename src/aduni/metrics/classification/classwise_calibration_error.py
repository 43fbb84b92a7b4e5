"""Calibration error of every class's probability, in which rare classes count as much."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.per_class.calibration_error import class_calibration_error
from aduni.metrics.samples import Floats, Samples


def classwise_calibration_error(samples: Samples) -> Floats:
    """Return (S,) means of the calibration error over the classes.

    Source: Kull et al. 2019 (arXiv 1910.12656), equation 2.
    """
    return np.asarray(class_calibration_error(samples).mean(axis=1))


METRIC = Metric(
    "classwise_calibration_error",
    "Classwise ECE",
    classwise_calibration_error,
    best="lowest",
    position=13,
    max_resamples=2_000,
    in_summary=False,
    meaning="mean gap between probability and frequency, of every class",
)
