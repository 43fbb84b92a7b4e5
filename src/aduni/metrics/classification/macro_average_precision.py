"""Average precision, one class against the rest."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.per_class.average_precision import class_average_precision
from aduni.metrics.samples import Floats, Samples


def macro_average_precision(samples: Samples) -> Floats:
    """Return (S,) means of the average precision over the classes; NaN where a class is absent."""
    return np.asarray(class_average_precision(samples).mean(axis=1))


METRIC = Metric(
    "macro_average_precision",
    "Macro average precision",
    macro_average_precision,
    position=11,
    max_resamples=500,
    in_summary=False,
    meaning="area under the precision-recall curve, mean of the classes",
)
