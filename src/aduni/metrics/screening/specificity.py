"""Specificity at the threshold."""

from aduni.metrics.samples import Floats, class_recall
from aduni.metrics.screening.outcome import POSITIVE, Outcome, ScreeningMetric


def specificity(outcome: Outcome) -> Floats:
    """Return (S,) shares of the negative images that are called so; NaN if there are none."""
    return class_recall(outcome.counts)[:, 1 - POSITIVE]


METRIC = ScreeningMetric("specificity", "Specificity", specificity, position=4)
