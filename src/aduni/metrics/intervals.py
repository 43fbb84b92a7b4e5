"""95 % intervals of a test part's metrics, by a bootstrap over images or groups of them."""

from dataclasses import dataclass

import numpy as np

from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Floats, Ints, Samples, class_f1, class_recall

Interval = tuple[float, float]

ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Intervals:
    """Lower and upper ends of 95 % intervals.

    Attributes:
        metrics: by their keys.
        f1: (C, 2), over the resamples that have the class.
        recall: (C, 2), likewise.
    """

    metrics: dict[str, Interval]
    f1: Floats
    recall: Floats


def intervals(
    labels: Ints, probabilities: Floats, groups: Ints, *, ordinal: bool = False
) -> Intervals:
    """Return the same intervals for the same predictions: the draws are those of the reports.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        groups: (n,) images of one number are drawn together.
        ordinal: whether the classes have an order.
    """
    samples = Samples.resampled(labels, probabilities, groups)
    found = {}
    for key, metric in OF_PREDICTIONS.items():
        if metric.function and (ordinal or not metric.ordinal):
            few = samples.first(metric.max_resamples) if metric.max_resamples else samples
            low, high = _ends(metric.function(few)).tolist()
            found[key] = (low, high)
    f1 = np.where(samples.counts.true > 0, class_f1(samples.counts), np.nan)
    f1_ends = _ends(f1).T
    del f1  # of many classes each array takes much memory
    return Intervals(found, f1_ends, _ends(class_recall(samples.counts)).T)


def _ends(values: Floats) -> Floats:
    """Return (2, ...) ends of (S, ...) values, some of which may be NaN; NaN where all are."""
    missing = np.isnan(values).all(axis=0)
    filled = np.where(missing, 0, values) if missing.any() else values
    return np.where(missing, np.nan, np.nanquantile(filled, ENDS, axis=0))
