"""All metrics by their keys, found by listing the files of `aduni.metrics.classification`."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from aduni.errors import UserError, did_you_mean
from aduni.metrics import classification
from aduni.metrics.metric import Metric

_FOUND: list[Metric] = [
    import_module(f"{classification.__name__}.{module.name}").METRIC
    for module in pkgutil.iter_modules(classification.__path__)
]
OF_PREDICTIONS = {m.key: m for m in sorted(_FOUND, key=lambda m: (m.position, m.title))}
ORDINAL = tuple(key for key, metric in OF_PREDICTIONS.items() if metric.ordinal)
"""Keys of metrics that need classes in an order."""
METRICS = {**OF_PREDICTIONS, "train_seconds": Metric("train_seconds", "Train time", None, None)}
ALWAYS = ("accuracy", "macro_f1")


def check_columns(columns: Iterable[str]) -> None:
    """Raise UserError where a column is no metric."""
    for column in columns:
        if column not in METRICS:
            raise UserError(
                f"columns={column} is no metric{did_you_mean(column, METRICS)}; choose from "
                f"{', '.join(METRICS)}."
            )
