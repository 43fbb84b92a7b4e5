"""Specificity at a fixed sensitivity, whatever threshold that takes on the tested images."""

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome, ScreeningMetric
from aduni.metrics.screening.roc_points import best_other


def specificity_at_sensitivity(outcome: Outcome) -> Floats:
    """Return (S,) highest specificities at which the sensitivity is at least the stated one."""
    return best_other(outcome, level=outcome.levels.sensitivity, given="sensitivity")


METRIC = ScreeningMetric(
    "specificity_at_sensitivity",
    "Specificity at the stated sensitivity",
    specificity_at_sensitivity,
    position=8,
    max_resamples=2_000,
    at_threshold=False,
)
