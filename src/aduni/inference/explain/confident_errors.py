"""Select the most confident errors from the stored predictions of the test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.loading.samplers import Ints
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions


@dataclass(frozen=True)
class StoredPredictions:
    """Predictions of the test part.

    Attributes:
        images: n identifiers.
        labels: (n,) true classes.
        probabilities: (n, C), not calibrated.
    """

    images: list[str]
    labels: Ints
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class ClassErrors:
    """Errors among the test images of one class.

    Attributes:
        label: true class.
        total: number of test images of the class.
        predicted_counts: (C,) number of errors by predicted class.
        rows: rows of the test part, the most confident error first.
    """

    label: int
    total: int
    predicted_counts: Ints
    rows: Ints

    @property
    def wrong(self) -> int:
        """Number of errors, including those that are not in `rows`."""
        return int(self.predicted_counts.sum())


def predictions_file(trained: TrainedModel) -> Path:
    """Return the file of a checkpoint's predictions, written by its run or by `evaluate.py`.

    Raises:
        UserError: if there is none.
    """
    run = trained.run
    path = run.predictions
    if trained.path.resolve() != run.checkpoint("best").resolve():
        path = run.path / "evaluation" / trained.path.stem / path.name
    if not path.is_file():
        raise UserError(
            f"{path} is missing, which the gallery of errors is made from; write it with python "
            f"src/evaluate.py ckpt={trained.path}, or leave the gallery out with errors=0."
        )
    return path


def read_test_part(path: Path, class_names: list[str]) -> StoredPredictions:
    """Read the test rows of a predictions.csv.

    Raises:
        UserError: if the file is damaged or has other class names.
    """
    frame = read_predictions(path, class_names)
    rows = frame[frame["part"] == "test"]
    return StoredPredictions(rows["image"].tolist(), *labels_and_probabilities(rows, class_names))


def confident_errors(
    labels: Ints, probabilities: NDArray[np.float64], count: int
) -> list[ClassErrors]:
    """Return the errors with the highest probability of the wrong class, for each true class.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C) probabilities.
        count: maximum number of errors of a class; ties keep the order of the rows.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    errors = []
    for label in range(classes):
        rows = np.flatnonzero((labels == label) & (predicted != label))
        order = np.argsort(-confidence[rows], kind="stable")[:count]
        predicted_counts = np.bincount(predicted[rows], minlength=classes)
        total = int((labels == label).sum())
        errors.append(ClassErrors(label, total, predicted_counts, rows[order]))
    return errors
