"""Compute all metrics of one part of the data."""

from typing import Any

import numpy as np

from aduni.errors import UserError
from aduni.metrics.confusion_counts import confusion_counts
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Floats, Ints, Samples, class_f1, class_recall

ROUNDING = 1e-6
"""By which a softmax may be above 1."""


def evaluate(
    labels: Ints, probabilities: Floats, class_names: list[str], *, ordinal: bool = False
) -> dict[str, Any]:
    """Compute all metrics of one part.

    Args:
        labels: (n,) class numbers from 0.
        probabilities: (n, C), each line of which sums to 1.
        class_names: C names.
        ordinal: whether the classes have an order.

    Returns:
        Each metric by its key, None where it is undefined; per_class_f1, per_class_recall (0 for a
        class without images) and support by class name; confusion_matrix (rows: true classes).

    Raises:
        UserError: if shapes do not agree, labels are no class numbers, or probabilities lie outside
            of 0 to 1.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    _check(labels, probabilities, class_names)
    samples = Samples.single(labels, probabilities)
    f1, recall = class_f1(samples.counts)[0], np.nan_to_num(class_recall(samples.counts)[0])
    support = samples.counts.true[0].astype(int)
    confusion = confusion_counts(labels, samples.predicted, len(class_names))
    return {
        **{
            key: metric.value(samples) if ordinal or not metric.ordinal else None
            for key, metric in OF_PREDICTIONS.items()
        },
        "per_class_f1": dict(zip(class_names, f1.tolist(), strict=True)),
        "per_class_recall": dict(zip(class_names, recall.tolist(), strict=True)),
        "support": dict(zip(class_names, support.tolist(), strict=True)),
        "confusion_matrix": confusion.tolist(),
    }


def _check(labels: Ints, probabilities: Floats, class_names: list[str]) -> None:
    classes = len(class_names)
    if probabilities.shape != (len(labels), classes) or labels.ndim != 1:
        raise UserError(
            f"labels {labels.shape}, probabilities {probabilities.shape} and {classes} class_names "
            "do not agree; give (n,), (n, C) and C."
        )
    if labels.dtype.kind not in "iu" or (
        len(labels) and not 0 <= labels.min() <= labels.max() < classes
    ):
        raise UserError(f"labels are not class numbers from 0 to {classes - 1}; give these.")
    if (probabilities < 0).any() or (probabilities > 1 + ROUNDING).any():
        raise UserError("probabilities are not all in 0 to 1; give the softmax of logits.")
