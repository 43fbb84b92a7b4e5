"""Make the cards of the images that are to be explained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.cache.decode import resize_image
from aduni.data.image_table import escape
from aduni.data.module import ImageDataModule
from aduni.inference.explain.explained_model import ExplainedModel, batches
from aduni.inference.explain.neighbours import Neighbour, Reference, nearest, unit_features
from aduni.inference.explain.page import NeighbourCard, QueryCard
from aduni.inference.explain.pictures import (
    IMAGE_SIZE,
    THUMBNAIL_SIZE,
    Pixels,
    data_uri,
    save_heat_map,
)
from aduni.inference.images import read_image

MAX_SHARES = 3
"""Classes on a card."""
COLUMNS = ["image", "predicted", "rank", "neighbour", "label", "distance", "same_picture"]


@dataclass(frozen=True)
class Explanation:
    """Explanation of one image.

    Attributes:
        file: file of the image.
        probabilities: (C,) calibrated probabilities.
        heat: (S, S) heat map; None without Grad-CAM.
        neighbours: training images, the nearest first.
    """

    file: Path
    probabilities: NDArray[np.float64]
    heat: NDArray[np.float32] | None
    neighbours: list[Neighbour]


def explain_images(
    model: ExplainedModel,
    images: Mapping[Path, Pixels],
    target: int | None,
    reference: Reference | None,
    count: int,
) -> Iterator[Explanation]:
    """Yield the explanations of images in their order.

    Args:
        model: the model.
        images: file -> (3, H, W) pixels in the model's image size.
        target: class of the heat maps; None for the predicted one.
        reference: features of the training images; None for no neighbours.
        count: number of neighbours.
    """
    remaining = iter(images.items())
    for batch in batches(images.values(), len(images), model.device, "Images"):
        probabilities = model.probabilities(batch)
        heats = model.heat_maps(batch, target)
        features = unit_features(model.trained.method, batch)
        for i, heat in enumerate(heats):
            (file, pixels), near = next(remaining), []
            if reference is not None and model.data is not None:
                near = nearest(features[i], pixels, reference, model.data, count)
            yield Explanation(file, probabilities[i], heat, near)


def query_card(
    model: ExplainedModel, explanation: Explanation, target: int | None, file: Path
) -> QueryCard:
    """Return the card of an explanation.

    Args:
        model: the model.
        explanation: explanation of one image.
        target: class of the heat map; None for the predicted one.
        file: file to save the picture beside its heat map to.
    """
    bits = model.trained.input_format.bits
    pixels = read_image(explanation.file, IMAGE_SIZE, bits)
    picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    shares = model.shares(explanation.probabilities, MAX_SHARES)
    predicted = shares[0].name
    near: list[NeighbourCard] = []
    if model.data is not None:
        near = [_neighbour_card(model.data, item, predicted) for item in explanation.neighbours]
    heat = explanation.heat
    return QueryCard(
        name=escape(str(explanation.file)),
        picture=data_uri(picture),
        heat=save_heat_map(picture, heat, file),
        target=predicted if target is None else model.trained.class_names[target],
        is_zero=heat is not None and not heat.any(),
        shares=shares,
        neighbours=near,
        agreement=describe_agreement(near, predicted),
    )


def describe_agreement(neighbours: list[NeighbourCard], predicted: str) -> str:
    """Say how many neighbours have the predicted class, not counting copies of the image."""
    others = [item for item in neighbours if not item.same]
    agreeing = sum(item.agrees for item in others)
    sentence = f"{agreeing} of the {len(others)} nearest training images are {predicted}"
    copies = len(neighbours) - len(others)
    if copies:
        times = "once" if copies == 1 else f"{copies} times"
        sentence += f"; this very picture is in the training part {times} and does not count"
    return f"{sentence}."


def neighbour_table(cards: list[QueryCard]) -> pd.DataFrame:
    """Return a table with a row for each neighbour of each image."""
    rows = [
        (card.name, card.shares[0].name, rank, near.image, near.label, near.distance, near.same)
        for card in cards
        for rank, near in enumerate(card.neighbours, start=1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _neighbour_card(data: ImageDataModule, item: Neighbour, predicted: str) -> NeighbourCard:
    table = data.table
    label = table.class_names[table.labels[item.row]]
    return NeighbourCard(
        picture=data_uri(resize_image(data.open_image(item.row), THUMBNAIL_SIZE)),
        image=escape(table.images[item.row]),
        label=label,
        distance=item.distance,
        same=item.same,
        agrees=label == predicted,
    )
