"""Area under the ROC curve of a screening question."""

from aduni.metrics.per_class.auroc import class_auroc
from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import POSITIVE, Outcome, ScreeningMetric


def auroc(outcome: Outcome) -> Floats:
    """Return (S,) shares of pairs (positive, negative image) that the score ranks right."""
    return class_auroc(outcome.samples)[:, POSITIVE]


METRIC = ScreeningMetric(
    "auroc", "AUROC", auroc, position=1, max_resamples=2_000, at_threshold=False
)
