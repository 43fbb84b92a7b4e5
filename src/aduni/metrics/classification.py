"""Published figures, recomputed from stored predictions with scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

CALIBRATION_BINS = 15


def macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """Mean over all C classes of F1; a class neither present nor predicted counts 0.

    Args:
        labels: (n,) true classes.
        predicted: (n,) classes.
        classes: C.
    """
    names = np.arange(classes)
    return float(f1_score(labels, predicted, labels=names, average="macro", zero_division=0))


def evaluate(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    class_names: list[str],
    *,
    ordinal: bool = False,
) -> dict[str, Any]:
    """All figures of one part.

    Macro averages run over all classes; a class that is neither present nor predicted counts 0.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        class_names: C names.
        ordinal: whether the classes' order has a meaning.

    Returns:
        accuracy, macro_f1, balanced_accuracy, macro_auroc (None where a class has no image),
        quadratic_kappa (None without an order), expected_calibration_error, per_class_f1,
        per_class_recall and support by class name, confusion_matrix (rows: true classes).
    """
    classes = np.arange(len(class_names))
    predicted = probabilities.argmax(axis=1)
    _, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    complete = bool((support > 0).all())
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": macro_f1(labels, predicted, len(classes)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "macro_auroc": _macro_auroc(labels, probabilities) if complete else None,
        "quadratic_kappa": quadratic_kappa(labels, predicted, len(classes)) if ordinal else None,
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
        "per_class_f1": dict(zip(class_names, f1.tolist(), strict=True)),
        "per_class_recall": dict(zip(class_names, recall.tolist(), strict=True)),
        "support": dict(zip(class_names, support.tolist(), strict=True)),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }


def quadratic_kappa(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> float | None:
    """Agreement of grades beyond chance, disagreements by the square of their distance.

    Args:
        labels: (n,) true classes.
        predicted: (n,) classes.
        classes: C; a grade that nobody has still keeps its neighbours apart.

    Returns:
        1 - sum w o / sum w e, w_ij = (i - j)^2; None where all labels and predictions are one
        class: then nothing is left to chance.
    """
    if len(np.union1d(labels, predicted)) < 2:
        return None
    names = np.arange(classes)
    return float(cohen_kappa_score(labels, predicted, labels=names, weights="quadratic"))


def expected_calibration_error(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], bins: int = CALIBRATION_BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence.

    sum_b (n_b / n) * | accuracy(b) - confidence(b) |, bins (0, 1/bins], (1/bins, 2/bins], ...
    Source: Guo et al. 2017, equation 3.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        bins: how many.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    gaps = np.bincount(
        confidence_bins(confidence, bins), weights=correct - confidence, minlength=bins
    )
    return float(np.abs(gaps).sum() / len(labels))


def confidence_bins(
    confidence: NDArray[np.float64], bins: int = CALIBRATION_BINS
) -> NDArray[np.int64]:
    """Number the bins (0, 1/bins], (1/bins, 2/bins], ... that confidences lie in.

    Args:
        confidence: (n,) from 0 to 1; 0 belongs to the first bin.
        bins: how many.
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def _macro_auroc(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """One class against the rest, averaged over classes."""
    return float(
        np.mean(
            [roc_auc_score(labels == c, probabilities[:, c]) for c in range(probabilities.shape[1])]
        )
    )
