"""Select the test part's most confident errors, and make their cards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.cache.decode import resize_image
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.explain.explained_model import ExplainedModel, batches
from aduni.inference.explain.page import (
    IMAGE_SIZE,
    Confusion,
    ErrorCard,
    ErrorGroup,
    data_uri,
    safe_file_name,
    save_heat_map,
)
from aduni.metrics.confusion_counts import confusion_counts
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions
from aduni.system.program import command_text

MAX_NAMED_CLASSES = 3


@dataclass(frozen=True)
class StoredPredictions:
    """Images, (n,) classes and (n, C) uncalibrated probabilities of the test part."""

    images: list[str]
    labels: Ints
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class ClassErrors:
    """Errors among the test images of one class.

    Attributes:
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
    """Return the file of a checkpoint's predictions, written by its run or by `evaluate.py`."""
    run = trained.run
    path = run.predictions
    if trained.path.resolve() != run.checkpoint("best").resolve():
        path = run.path / "evaluation" / trained.path.stem / path.name
    if not path.is_file():
        raise UserError(
            f"{path} is missing, which the gallery of errors is made from; write it with "
            f"{command_text('evaluate')} ckpt={trained.path}, or leave the gallery out with "
            "errors=0."
        )
    return path


def read_test_part(path: Path, class_names: list[str]) -> StoredPredictions:
    """Read the test rows of a predictions.csv."""
    frame = read_predictions(path, class_names)
    rows = frame[frame["part"] == "test"]
    return StoredPredictions(rows["image"].tolist(), *labels_and_probabilities(rows, class_names))


def confident_errors(
    labels: Ints, probabilities: NDArray[np.float64], count: int
) -> list[ClassErrors]:
    """Return for each true class its errors with the highest probability, at most `count`."""
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


def confusion_of(predictions: StoredPredictions, names: list[str]) -> Confusion:
    """Count the test images by true and predicted class."""
    predicted = predictions.probabilities.argmax(axis=1)
    return Confusion(names, confusion_counts(predictions.labels, predicted, len(names)).tolist())


def error_groups(
    model: ExplainedModel,
    data: ImageData,
    predictions: StoredPredictions,
    count: int,
    folder: Path,
) -> list[ErrorGroup]:
    """Return the cards of the most confident errors of each class, with files in the folder."""
    probabilities = model.trained.calibrated(predictions.probabilities)
    rows = _table_rows(data, predictions)
    classes = confident_errors(predictions.labels, probabilities, count)
    chosen = np.concatenate([errors.rows for errors in classes])
    heats = dict(zip(chosen.tolist(), _heat_maps(model, data, rows[chosen]), strict=True))
    names = model.trained.class_names
    groups = []
    for errors in classes:
        cards = []
        for rank, i in enumerate(errors.rows.tolist(), start=1):
            image, name = predictions.images[i], safe_file_name(names[errors.label])
            file = folder / f"{errors.label}_{name}_{rank:02d}_{safe_file_name(image)}.png"
            picture = np.asarray(resize_image(data.open_image(int(rows[i])), IMAGE_SIZE))
            heat = save_heat_map(picture, heats[i], file)
            predicted = model.shares(probabilities[i], 1)[0]
            truth = model.share(probabilities[i], errors.label)
            cards.append(ErrorCard(escape(image), data_uri(picture), heat, predicted, truth))
        groups.append(ErrorGroup(names[errors.label], summarize(errors, names), cards))
    return groups


def summarize(errors: ClassErrors, names: list[str]) -> str:
    """Say how many images of a class are wrong, and which wrong classes are the most frequent."""
    if not errors.total:
        return "The test part has no image of this class."
    sentence = f"{errors.wrong} of {errors.total} test images are wrong"
    if not errors.wrong:
        return f"{sentence}."
    counts = errors.predicted_counts
    order = np.argsort(-counts, kind="stable")[:MAX_NAMED_CLASSES]
    frequent = ", ".join(f"{counts[c]} as {names[c]}" for c in order if counts[c])
    most = "most often " if np.count_nonzero(counts) > MAX_NAMED_CLASSES else ""
    return f"{sentence} ({errors.wrong / errors.total:.0%}): {most}{frequent}."


def _table_rows(data: ImageData, predictions: StoredPredictions) -> NDArray[np.int64]:
    row_of = {image: row for row, image in enumerate(data.table.images)}
    missing = [image for image in predictions.images if image not in row_of]
    if missing:
        raise UserError(
            f"{data.root} has no image {escape(missing[0])}, which was predicted; set dataset.root "
            "to the data set that the model was tested on."
        )
    return np.array([row_of[image] for image in predictions.images], dtype=np.int64)


def _heat_maps(
    model: ExplainedModel, data: ImageData, rows: NDArray[np.int64]
) -> list[NDArray[np.float32] | None]:
    if model.layer is None:
        return [None] * len(rows)
    pixels = (data.cache.pixels[row].transpose(2, 0, 1) for row in rows)
    images = batches(pixels, len(rows), model.device, "Errors")
    return [heat for batch in images for heat in model.heat_maps(batch, None)]
