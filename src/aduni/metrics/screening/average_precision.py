"""Average precision of a screening question."""

from aduni.metrics.per_class.average_precision import class_average_precision
from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import POSITIVE, Outcome, ScreeningMetric


def average_precision(outcome: Outcome) -> Floats:
    """Return (S,) average precisions of the score; a score without skill has the prevalence."""
    return class_average_precision(outcome.samples)[:, POSITIVE]


METRIC = ScreeningMetric(
    "average_precision",
    "Average precision",
    average_precision,
    position=2,
    max_resamples=2_000,
    at_threshold=False,
)
