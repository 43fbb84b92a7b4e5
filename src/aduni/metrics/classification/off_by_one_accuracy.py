"""Accuracy of grades that may be one off."""

import numpy as np

from aduni.metrics.classification.mean_absolute_grade_error import grade_errors
from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def off_by_one_accuracy(samples: Samples) -> Floats:
    """Return (S,) shares of images whose grade is predicted right or one too high or low."""
    return samples.means((grade_errors(samples) <= 1).astype(np.float64))


METRIC = Metric(
    "off_by_one_accuracy",
    "Off-by-one accuracy",
    off_by_one_accuracy,
    position=22,
    ordinal=True,
    in_summary=False,
    meaning="share of images at most one grade off",
)
