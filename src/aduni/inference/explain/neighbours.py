"""The training images that the encoder takes for most similar."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.nn import functional

from aduni.data.loading.samplers import Ints
from aduni.data.module import EVALUATION_BATCH, ImageDataModule
from aduni.methods.base import Method

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """Training images in the space of the encoder's features.

    Attributes:
        rows: (n,) of the data set's table.
        features: (n, D) unit vectors.
    """

    rows: Ints
    features: Floats


@dataclass(frozen=True)
class Neighbour:
    """A training image near a query.

    Attributes:
        row: of the data set's table.
        distance: 1 - cosine of the features, 0 to 2.
        same: to the pixel, in the model's size, the query itself.
    """

    row: int
    distance: float
    same: bool


@torch.inference_mode()
def training_reference(method: Method, data: ImageDataModule, device: torch.device) -> Reference:
    """Features of the training part's images as they are, with a progress bar."""
    batches = data.evaluation_batches("train", device)
    total = -(-len(data.rows("train")) // EVALUATION_BATCH)
    rows, features = [], []
    for batch in track(batches, "Features of the training images", total=total):
        rows.append(batch.indices.cpu().numpy())
        features.append(unit_features(method, batch.views[0]))
    return Reference(np.concatenate(rows), np.concatenate(features))


@torch.inference_mode()
def unit_features(method: Method, images: torch.Tensor) -> Floats:
    """(N, D) encoder features of (N, 3, H, W) images, divided by their length."""
    features = method.encoder(images).float()
    return np.asarray(functional.normalize(features, dim=1).cpu().numpy())


def nearest(
    query: Floats,
    pixels: NDArray[np.uint8],
    reference: Reference,
    data: ImageDataModule,
    count: int,
) -> list[Neighbour]:
    """The nearest training images, from the nearest on.

    Copies of the query among them are marked, and do not count: as many others are found.

    Args:
        query: (D,) unit vector.
        pixels: (3, H, W) of the query, in the model's size.
        reference: the training part.
        data: the data set.
        count: of neighbours other than the query.
    """
    distances = np.maximum(1 - reference.features @ query, 0)
    found: list[Neighbour] = []
    for i in np.argsort(distances, kind="stable"):
        row = int(reference.rows[i])
        same = np.array_equal(data.cache.pixels[row].transpose(2, 0, 1), pixels)
        found.append(Neighbour(row, float(distances[i]), same))
        count -= not same
        if count == 0:
            break
    return found
