"""Check the metrics in metrics.json against those that the predictions give."""

import math
from collections.abc import Mapping
from typing import Any

from aduni.errors import UserError
from aduni.metrics.names import ORDINAL
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import evaluate_predictions
from aduni.results.run_folder import RunFolder
from aduni.results.validation import TOLERANCE
from aduni.system.atomic_files import readable


def check_metrics_by_predictions(metrics: Mapping[str, Any], folder: RunFolder) -> dict[str, Any]:
    """Return the metrics of both parts, checked against those that the predictions give.

    Metrics that metrics.json lacks were added by a later version: they are computed from the
    predictions. Metrics that this version does not know cannot be checked and are left out.

    Raises:
        UserError: if metrics.json has another value than the predictions give.
    """
    predictions, parts = folder.stored_predictions, ("validation", "test")
    # A stored kappa is checked even if it is not shown (see `is_ordinal`).
    stored = [(metrics[part] or {}).get(key) for part in parts for key in ORDINAL]
    ordinal = is_ordinal(metrics) or any(value is not None for value in stored)
    names = list(metrics["training_counts"])
    with readable(predictions):
        recomputed = evaluate_predictions(predictions, names, ordinal=ordinal)
    metrics_of: dict[str, Any] = {}
    for part in parts:
        new, old = recomputed[part], metrics[part]
        if new and old:
            known = {key: new[key] for key in new if None not in (new[key], old.get(key))}
            kept = {key: old[key] for key in known}
            metrics_of[part], difference = {**new, **kept}, _first_difference(known, kept, part)
        else:
            metrics_of[part], difference = new, _first_difference(new, old, part)
        if difference:
            raise UserError(
                f"{folder.metrics} says {difference}, which {predictions.name} does not "
                "give: one of the two was changed; evaluate or train the run again."
            )
    return metrics_of


def _first_difference(new: Any, old: Any, name: str) -> str:
    """Return the name and the stored value of the first metric that differs, or nothing."""
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        if new.keys() != old.keys():
            return f"{name} = {', '.join(old)}"
        inner = (_first_difference(new[key], old[key], f"{name}.{key}") for key in new)
        return next((difference for difference in inner if difference), "")
    numbers = isinstance(new, float) and isinstance(old, float | int)
    same = math.isclose(new, old, abs_tol=TOLERANCE, rel_tol=0) if numbers else new == old
    return "" if same else f"{name} = {old}"
