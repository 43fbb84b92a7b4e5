"""Sensitivity at a fixed specificity, whatever threshold that takes on the tested images."""

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome, ScreeningMetric
from aduni.metrics.screening.roc_points import best_other


def sensitivity_at_specificity(outcome: Outcome) -> Floats:
    """Return (S,) highest sensitivities at which the specificity is at least the stated one."""
    return best_other(outcome, level=outcome.levels.specificity, given="specificity")


METRIC = ScreeningMetric(
    "sensitivity_at_specificity",
    "Sensitivity at the stated specificity",
    sensitivity_at_specificity,
    position=7,
    max_resamples=2_000,
    at_threshold=False,
)
