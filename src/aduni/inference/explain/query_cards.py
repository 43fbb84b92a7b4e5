"""Cards of the images that a user asks about."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.cache.decode import resize_image
from aduni.data.image_table import escape
from aduni.data.module import ImageDataModule
from aduni.inference.explain.explained_model import Subject, batches
from aduni.inference.explain.neighbours import Neighbour, Reference, nearest, unit_features
from aduni.inference.explain.page import NeighbourCard, QueryCard
from aduni.inference.explain.pictures import SHOWN, THUMB, Pixels, data_uri, saved_heat
from aduni.inference.images import read_image

PROBABLE = 3
"""Classes on a card."""
COLUMNS = ["image", "predicted", "rank", "neighbour", "label", "distance", "same_picture"]


@dataclass(frozen=True)
class Query:
    """An image that is asked about.

    Attributes:
        file: of the image.
        pixels: (3, H, W), as the model takes them.
    """

    file: Path
    pixels: Pixels


@dataclass(frozen=True)
class Answer:
    """What the model says about an image.

    Attributes:
        query: the image.
        probabilities: (C,).
        heat: (S, S); None without Grad-CAM.
        neighbours: from the nearest on.
    """

    query: Query
    probabilities: NDArray[np.float64]
    heat: NDArray[np.float32] | None
    neighbours: list[Neighbour]


def answers(
    subject: Subject,
    queries: list[Query],
    target: int | None,
    reference: Reference | None,
    count: int,
) -> Iterator[Answer]:
    """The model's answers, in the order of the queries.

    Args:
        subject: the model.
        queries: the images.
        target: class of the heat maps; None for the predicted one.
        reference: where neighbours are looked for; None for none.
        count: of neighbours.
    """
    remaining = iter(queries)
    pixels = (query.pixels for query in queries)
    for images in batches(pixels, len(queries), subject.device, "Images"):
        probabilities = subject.probabilities(images)
        heats = subject.heats(images, target)
        features = unit_features(subject.trained.method, images)
        for i, heat in enumerate(heats):
            query, near = next(remaining), []
            if reference is not None and subject.data is not None:
                near = nearest(features[i], query.pixels, reference, subject.data, count)
            yield Answer(query, probabilities[i], heat, near)


def query_card(subject: Subject, answer: Answer, target: int | None, file: Path) -> QueryCard:
    """The card of an answer.

    Args:
        subject: the model.
        answer: about one image.
        target: class of the heat map; None for the predicted one.
        file: to save the picture beside its heat map to.
    """
    bits = subject.trained.input_format.bits
    picture = np.ascontiguousarray(read_image(answer.query.file, SHOWN, bits).transpose(1, 2, 0))
    shares = subject.shares(answer.probabilities, PROBABLE)
    predicted = shares[0].name
    near: list[NeighbourCard] = []
    if subject.data is not None:
        near = [_neighbour(subject.data, item, predicted) for item in answer.neighbours]
    return QueryCard(
        name=escape(str(answer.query.file)),
        picture=data_uri(picture),
        heat=saved_heat(picture, answer.heat, file),
        target=predicted if target is None else subject.trained.class_names[target],
        silent=answer.heat is not None and not answer.heat.any(),
        shares=shares,
        neighbours=near,
        agreement=agreement(near, predicted),
    )


def agreement(neighbours: list[NeighbourCard], predicted: str) -> str:
    """A sentence on how many of the neighbours, the same picture left out, are as predicted."""
    others = [item for item in neighbours if not item.same]
    agreeing = sum(item.agrees for item in others)
    sentence = f"{agreeing} of the {len(others)} nearest training images are {predicted}"
    copies = len(neighbours) - len(others)
    if copies:
        times = "once" if copies == 1 else f"{copies} times"
        sentence += f"; this very picture is in the training part {times} and does not count"
    return f"{sentence}."


def neighbour_table(cards: list[QueryCard]) -> pd.DataFrame:
    """A row for each neighbour of each image."""
    rows = [
        (card.name, card.shares[0].name, rank, near.image, near.label, near.distance, near.same)
        for card in cards
        for rank, near in enumerate(card.neighbours, start=1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _neighbour(data: ImageDataModule, item: Neighbour, predicted: str) -> NeighbourCard:
    table = data.table
    label = table.class_names[table.labels[item.row]]
    return NeighbourCard(
        picture=data_uri(resize_image(data.open_image(item.row), THUMB)),
        image=escape(table.images[item.row]),
        label=label,
        distance=item.distance,
        same=item.same,
        agrees=label == predicted,
    )
