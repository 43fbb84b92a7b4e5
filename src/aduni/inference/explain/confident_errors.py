"""The test part's most confident errors, from the predictions that a run has left."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.loading.samplers import Ints
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions


@dataclass(frozen=True)
class Tested:
    """Predictions of the test part.

    Attributes:
        images: n identifiers.
        labels: (n,) true classes.
        probabilities: (n, C), as the model gives them.
    """

    images: list[str]
    labels: Ints
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class ClassErrors:
    """The errors among one class's test images.

    Attributes:
        label: the class.
        tested: images of the class.
        taken_for: (C,) images by predicted class, 0 for the class itself.
        rows: of the test part, the most confident error first.
    """

    label: int
    tested: int
    taken_for: Ints
    rows: Ints

    @property
    def wrong(self) -> int:
        """Errors, shown or not."""
        return int(self.taken_for.sum())


def predictions_file(trained: TrainedModel) -> Path:
    """Predictions that a checkpoint has made: its run's, or those of `evaluate.py`.

    Raises:
        UserError: there are none.
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


def read_test_part(path: Path, class_names: list[str]) -> Tested:
    """The test rows of a predictions.csv.

    Raises:
        UserError: the file does not fit the class names, or is damaged.
    """
    frame = read_predictions(path, class_names)
    rows = frame[frame["part"] == "test"]
    return Tested(rows["image"].tolist(), *labels_and_probabilities(rows, class_names))


def confident_errors(
    labels: Ints, probabilities: NDArray[np.float64], count: int
) -> list[ClassErrors]:
    """For each class the errors with the highest probability of the wrong class.

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        count: errors of a class that are wanted; ties keep the order of the rows.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    found = []
    for label in range(classes):
        rows = np.flatnonzero((labels == label) & (predicted != label))
        order = np.argsort(-confidence[rows], kind="stable")[:count]
        taken_for = np.bincount(predicted[rows], minlength=classes)
        tested = int((labels == label).sum())
        found.append(ClassErrors(label, tested, taken_for, rows[order]))
    return found
