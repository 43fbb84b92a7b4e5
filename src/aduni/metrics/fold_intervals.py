"""The interval of a difference over folds, and in words what it shows."""

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import Literal

from aduni.metrics.interval import ENDS, Interval

Verdict = Literal["ahead", "behind", "equivalent", "not resolved", "too few folds"]

MARGIN = 0.02
"""Differences below this do not matter."""
MIN_FOLDS = 3
"""Folds below which an interval over them says nothing."""


def interval_over_folds(differences: Sequence[float], ratio: float = 0.0) -> Interval | None:
    """Return the 95 % t interval of the mean of k differences; None if k is below 2.

    mean(d) -+ t sqrt((1/k + ratio) var(d)), t the 0.975 quantile of k - 1 degrees of freedom. With
    ratio n_test/n_train it makes up for training parts that overlap (Nadeau and Bengio 2003).
    """
    from scipy.special import stdtrit  # takes a third of a second

    k = len(differences)
    if k < 2:
        return None
    width = float(stdtrit(k - 1, ENDS[1])) * math.sqrt((1 / k + ratio) * variance(differences))
    middle = fmean(differences)
    return middle - width, middle + width


def verdict(interval: Interval | None, folds: int) -> Verdict:
    """Return what the 95 % interval of a difference shows.

    Args:
        interval: of the difference over folds; None if there is none.
        folds: how many it is taken over.
    """
    if interval is None or folds < MIN_FOLDS:
        return "too few folds"
    low, high = interval
    if low > -MARGIN and high < MARGIN:
        return "equivalent"
    if low > 0:
        return "ahead"
    return "behind" if high < 0 else "not resolved"
