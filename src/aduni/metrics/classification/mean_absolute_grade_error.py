"""Mean absolute error of grades."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def grade_errors(samples: Samples) -> Floats:
    """Return (n,) grades between each label and its prediction."""
    return np.asarray(np.abs(samples.labels - samples.predicted), dtype=np.float64)


METRIC = Metric(
    "mean_absolute_grade_error",
    "Mean absolute grade error",
    lambda samples: samples.means(grade_errors(samples)),
    best="lowest",
    position=21,
    ordinal=True,
    in_summary=False,
    meaning="mean distance to the true grade",
)
