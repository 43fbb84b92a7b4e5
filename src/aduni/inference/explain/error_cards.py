"""Cards of the test part's most confident errors."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.cache.decode import resize_image
from aduni.data.image_table import escape
from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.inference.explain.confident_errors import ClassErrors, Tested, confident_errors
from aduni.inference.explain.explained_model import Subject, batches
from aduni.inference.explain.page import ErrorCard, ErrorGroup
from aduni.inference.explain.pictures import SHOWN, data_uri, file_name, saved_heat

MOST_FREQUENT = 3
"""Wrong classes that a summary counts."""


def error_groups(
    subject: Subject, data: ImageDataModule, tested: Tested, count: int, folder: Path
) -> list[ErrorGroup]:
    """The most confident errors of each class.

    Args:
        subject: the model.
        data: that it was tested on.
        tested: its predictions.
        count: errors of a class that are shown.
        folder: pictures beside their heat maps go into it, as files.

    Raises:
        UserError: the predictions are of images that the data set does not have.
    """
    probabilities = subject.calibrated(tested.probabilities)
    rows = _rows(data, tested)
    found = confident_errors(tested.labels, probabilities, count)
    chosen = np.concatenate([errors.rows for errors in found])
    heats = dict(zip(chosen.tolist(), _heats(subject, data, rows[chosen]), strict=True))
    names = subject.trained.class_names
    groups = []
    for errors in found:
        cards = []
        for rank, i in enumerate(errors.rows.tolist(), start=1):
            name = f"{errors.label}_{file_name(names[errors.label])}_{rank:02d}"
            picture = np.asarray(resize_image(data.open_image(int(rows[i])), SHOWN))
            heat = saved_heat(
                picture, heats[i], folder / f"{name}_{file_name(tested.images[i])}.png"
            )
            predicted = subject.shares(probabilities[i], 1)[0]
            truth = subject.share(probabilities[i], errors.label)
            image = escape(tested.images[i])
            cards.append(ErrorCard(image, data_uri(picture), heat, predicted, truth))
        groups.append(ErrorGroup(names[errors.label], summary(errors, names), cards))
    return groups


def summary(errors: ClassErrors, names: list[str]) -> str:
    """How many of a class are wrong, and what they are taken for most often."""
    if not errors.tested:
        return "The test part has no image of this class."
    sentence = f"{errors.wrong} of {errors.tested} test images are wrong"
    if not errors.wrong:
        return f"{sentence}."
    order = np.argsort(-errors.taken_for, kind="stable")[:MOST_FREQUENT]
    often = [f"{errors.taken_for[c]} as {names[c]}" for c in order if errors.taken_for[c]]
    share = f"({errors.wrong / errors.tested:.0%})"
    most = "most often " if np.count_nonzero(errors.taken_for) > MOST_FREQUENT else ""
    return f"{sentence} {share}: {most}{', '.join(often)}."


def _rows(data: ImageDataModule, tested: Tested) -> NDArray[np.int64]:
    """Of the data set's table, for each predicted image."""
    place = {image: row for row, image in enumerate(data.table.images)}
    missing = [image for image in tested.images if image not in place]
    if missing:
        raise UserError(
            f"{data.root} has no image {escape(missing[0])}, which was predicted; set dataset.root "
            "to the data set that the model was tested on."
        )
    return np.array([place[image] for image in tested.images], dtype=np.int64)


def _heats(
    subject: Subject, data: ImageDataModule, rows: NDArray[np.int64]
) -> list[NDArray[np.float32] | None]:
    """Of the predicted, wrong classes."""
    if subject.layer is None:
        return [None] * len(rows)
    pixels = (data.cache.pixels[row].transpose(2, 0, 1) for row in rows)
    images = batches(pixels, len(rows), subject.device, "Errors")
    return [heat for batch in images for heat in subject.heats(batch, None)]
