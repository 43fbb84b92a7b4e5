"""Sensitivity at the threshold."""

from aduni.metrics.samples import Floats, class_recall
from aduni.metrics.screening.outcome import POSITIVE, Outcome, ScreeningMetric


def sensitivity(outcome: Outcome) -> Floats:
    """Return (S,) shares of the positive images that are called so; NaN if there are none."""
    return class_recall(outcome.counts)[:, POSITIVE]


METRIC = ScreeningMetric("sensitivity", "Sensitivity", sensitivity, position=3)
