"""Compute all metrics of one part of the data."""

from typing import Any

import numpy as np

from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Floats, Ints, Samples, class_f1, class_recall


def evaluate(
    labels: Ints, probabilities: Floats, class_names: list[str], *, ordinal: bool = False
) -> dict[str, Any]:
    """Compute all metrics of one part.

    Returns:
        Each metric by its key, None where it is undefined; per_class_f1, per_class_recall (0 for a
        class without images) and support by class name; confusion_matrix (rows: true classes).
    """
    samples = Samples.single(labels, probabilities)
    f1, recall = class_f1(samples.counts)[0], np.nan_to_num(class_recall(samples.counts)[0])
    support = samples.counts.true[0].astype(int)
    classes = len(class_names)
    cells = labels * classes + samples.predicted
    return {
        **{
            key: metric.value(samples) if ordinal or not metric.ordinal else None
            for key, metric in OF_PREDICTIONS.items()
        },
        "per_class_f1": dict(zip(class_names, f1.tolist(), strict=True)),
        "per_class_recall": dict(zip(class_names, recall.tolist(), strict=True)),
        "support": dict(zip(class_names, support.tolist(), strict=True)),
        "confusion_matrix": np.bincount(cells, minlength=classes**2).reshape(classes, -1).tolist(),
    }
