"""Make the cards of the test part's most confident errors."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.cache.decode import resize_image
from aduni.data.image_table import escape
from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.inference.explain.confident_errors import (
    ClassErrors,
    StoredPredictions,
    confident_errors,
)
from aduni.inference.explain.explained_model import ExplainedModel, batches
from aduni.inference.explain.page import ErrorCard, ErrorGroup
from aduni.inference.explain.pictures import IMAGE_SIZE, data_uri, safe_file_name, save_heat_map

MAX_NAMED_CLASSES = 3
"""Wrong classes that a summary counts."""


def error_groups(
    model: ExplainedModel,
    data: ImageDataModule,
    predictions: StoredPredictions,
    count: int,
    folder: Path,
) -> list[ErrorGroup]:
    """Return the cards of the most confident errors of each class.

    Args:
        model: the model.
        data: data set that it was tested on.
        predictions: its predictions of the test part.
        count: maximum number of cards of a class.
        folder: existing folder for files of the pictures beside their heat maps.

    Raises:
        UserError: if a predicted image is not in the data set.
    """
    probabilities = model.calibrate(predictions.probabilities)
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


def _table_rows(data: ImageDataModule, predictions: StoredPredictions) -> NDArray[np.int64]:
    """Return the row of each predicted image in the data set's table."""
    row_of = {image: row for row, image in enumerate(data.table.images)}
    missing = [image for image in predictions.images if image not in row_of]
    if missing:
        raise UserError(
            f"{data.root} has no image {escape(missing[0])}, which was predicted; set dataset.root "
            "to the data set that the model was tested on."
        )
    return np.array([row_of[image] for image in predictions.images], dtype=np.int64)


def _heat_maps(
    model: ExplainedModel, data: ImageDataModule, rows: NDArray[np.int64]
) -> list[NDArray[np.float32] | None]:
    """Compute the heat maps of the predicted classes."""
    if model.layer is None:
        return [None] * len(rows)
    pixels = (data.cache.pixels[row].transpose(2, 0, 1) for row in rows)
    images = batches(pixels, len(rows), model.device, "Errors")
    return [heat for batch in images for heat in model.heat_maps(batch, None)]
