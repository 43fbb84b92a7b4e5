"""Area under the risk-coverage curve (AURC)."""

from aduni.metrics.metric import Metric
from aduni.metrics.selective_risk import area_under_selective_risk

METRIC = Metric(
    "aurc",
    "AURC",
    area_under_selective_risk,
    best="lowest",
    position=14,
    max_resamples=500,
    in_summary=False,
    meaning="area under the risk-coverage curve: errors among the most certain images",
)
