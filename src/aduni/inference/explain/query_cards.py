"""Find the training images most similar to each explained image, and make its card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.nn import functional

from aduni.data.cache.decode import resize_image
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.data.module import EVALUATION_BATCH
from aduni.data.names import escape
from aduni.inference.explain.explained_model import ExplainedModel, batches
from aduni.inference.explain.page import (
    IMAGE_SIZE,
    THUMBNAIL_SIZE,
    NeighbourCard,
    Pixels,
    QueryCard,
    data_uri,
    save_heat_map,
)
from aduni.inference.images import read_image
from aduni.methods.base import Method

Floats = NDArray[np.float32]

MAX_SHARES = 3
COLUMNS = ["image", "predicted", "rank", "neighbour", "label", "distance", "same_picture"]


@dataclass(frozen=True)
class Reference:
    """Encoder features of n training images: their rows in the table, and (n, D) unit vectors."""

    rows: Ints
    features: Floats


@dataclass(frozen=True)
class Neighbour:
    """A training image near a query image.

    Attributes:
        distance: 1 - cosine of the features, 0 to 2.
        same: whether all pixels equal the query's in the model's image size.
    """

    row: int
    distance: float
    same: bool


@torch.inference_mode()
def training_reference(method: Method, data: ImageData, device: torch.device) -> Reference:
    """Compute the features of the unaugmented training images, with a progress bar."""
    batches = data.module.evaluation_batches(data.rows("train"), device)
    total = -(-len(data.rows("train")) // EVALUATION_BATCH)
    rows, features = [], []
    for batch in track(batches, "Features of the training images", total=total):
        rows.append(batch.indices.cpu().numpy())
        features.append(unit_features(method, batch.views[0]))
    return Reference(np.concatenate(rows), np.concatenate(features))


@torch.inference_mode()
def unit_features(method: Method, images: torch.Tensor) -> Floats:
    """Return the (N, D) encoder features of (N, 3, H, W) images, scaled to unit length."""
    features = method.encoder(images).float()
    return np.asarray(functional.normalize(features, dim=1).cpu().numpy())


def nearest(
    query: Floats,
    pixels: NDArray[np.uint8],
    reference: Reference,
    data: ImageData,
    count: int,
) -> list[Neighbour]:
    """Return the nearest training images in order; copies of the query are marked, not counted."""
    distances = np.maximum(1 - reference.features @ query, 0)
    neighbours: list[Neighbour] = []
    for i in np.argsort(distances, kind="stable"):
        row = int(reference.rows[i])
        same = np.array_equal(data.cache.pixels[row].transpose(2, 0, 1), pixels)
        neighbours.append(Neighbour(row, float(distances[i]), same))
        count -= not same
        if count == 0:
            break
    return neighbours


@dataclass(frozen=True)
class Explanation:
    """(C,) calibrated probabilities, (S, S) heat map, if any, and neighbours of an image."""

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
        reference: features of the training images; None for no neighbours.
    """
    remaining = iter(images.items())
    for batch in batches(images.values(), len(images), model.device, "Images"):
        probabilities = model.trained.calibrated(model.trained.probabilities(batch))
        heats = model.heat_maps(batch, target)
        features = unit_features(model.trained.method, batch)
        for i, heat in enumerate(heats):
            (file, pixels), near = next(remaining), []
            if reference is not None and model.data is not None:
                near = nearest(features[i], pixels, reference, model.data, count)
            yield Explanation(file, probabilities[i], heat, near)


def rows_by_file(data: ImageData | None) -> dict[Path, int]:
    """Return the row of each image file of the data set, by its absolute path."""
    files = None if data is None else data.source_files
    return {file.resolve(): row for row, file in enumerate(files or [])}


def query_card(
    model: ExplainedModel, explanation: Explanation, target: int | None, row: int | None, file: Path
) -> QueryCard:
    """Return the card of an explanation, and save the picture beside its heat map to `file`.

    Args:
        row: of the data set, if it has the image.
    """
    bits = model.trained.input_format.bits
    pixels = read_image(explanation.file, IMAGE_SIZE, bits)
    picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    shares = model.shares(explanation.probabilities, MAX_SHARES)
    predicted = shares[0].name
    near: list[NeighbourCard] = []
    if model.data is not None:
        near = [_neighbour_card(model.data, item, predicted) for item in explanation.neighbours]
    heat, truth, part = explanation.heat, "", ""
    if row is not None and model.data is not None:
        truth = model.data.table.class_names[model.data.table.labels[row]]
        part = str(model.data.parts[row])
    return QueryCard(
        name=escape(str(explanation.file)),
        picture=data_uri(picture),
        heat=save_heat_map(picture, heat, file),
        target=predicted if target is None else model.trained.class_names[target],
        is_zero=heat is not None and not heat.any(),
        shares=shares,
        truth=truth,
        part=part,
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


def _neighbour_card(data: ImageData, item: Neighbour, predicted: str) -> NeighbourCard:
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
