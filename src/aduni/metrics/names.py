"""All metrics by their keys, found by listing the files of the folders they are in."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from aduni.errors import UserError, did_you_mean
from aduni.metrics import classification, per_class, screening
from aduni.metrics.metric import ClassMetric, Metric
from aduni.metrics.screening.outcome import ScreeningMetric
from aduni.system.plug_ins import declared_in


def _found_in(package: ModuleType) -> dict[str, Any]:
    found = sorted(declared_in(package, "METRIC"), key=lambda m: (m.position, m.title))
    return {m.key: m for m in found}


OF_PREDICTIONS: dict[str, Metric] = _found_in(classification)
OF_CLASSES: dict[str, ClassMetric] = _found_in(per_class)
"""Metrics of each class against the rest."""
OF_SCREENING: dict[str, ScreeningMetric] = _found_in(screening)
"""Metrics of a question whose answer is positive or negative."""
ORDINAL = tuple(key for key, metric in OF_PREDICTIONS.items() if metric.ordinal)
"""Keys of metrics that need classes in an order."""
METRICS = {**OF_PREDICTIONS, "train_seconds": Metric("train_seconds", "Train time", None, None)}
ALWAYS = ("accuracy", "macro_f1")


def check_columns(columns: Iterable[str]) -> None:
    """Raise UserError where a column is not a metric."""
    for column in columns:
        if column not in METRICS:
            raise UserError(
                f"columns={column} is not a metric{did_you_mean(column, METRICS)}; choose from "
                f"{', '.join(METRICS)}."
            )
