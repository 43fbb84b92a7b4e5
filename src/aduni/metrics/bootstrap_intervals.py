"""95 % confidence intervals of all metrics, by a bootstrap over groups of images."""

from dataclasses import dataclass

import numpy as np

from aduni.metrics.interval import ENDS, Interval
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Floats, Ints, Samples, class_f1, class_recall


@dataclass(frozen=True)
class Intervals:
    """Ends of 95 % intervals: of metrics by key, and (C, 2) of each class's F1 and recall."""

    metrics: dict[str, Interval]
    f1: Floats
    recall: Floats


def intervals(
    labels: Ints, probabilities: Floats, groups: Ints, *, ordinal: bool = False
) -> Intervals:
    """Return the 95 % intervals of all metrics, resampling whole groups of images.

    The draws are those of the reports, and the same for the same predictions. Images of one number
    in `groups` (n,) are drawn together.
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


def interval_ends(found: Intervals) -> dict[str, list[float]]:
    """Return the ends of the metrics that have an interval, as JSON can hold them."""
    return {key: list(ends) for key, ends in found.metrics.items() if np.isfinite(ends).all()}


def _ends(values: Floats) -> Floats:
    """Return (2, ...) ends of (S, ...) values, some of which may be NaN; NaN where all are."""
    missing = np.isnan(values).all(axis=0)
    filled = np.where(missing, 0, values) if missing.any() else values
    return np.where(missing, np.nan, np.nanquantile(filled, ENDS, axis=0))
