"""Find the training images that are most similar in the encoder's features."""

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
    """Encoder features of the training images.

    Attributes:
        rows: (n,) rows of the data set's table.
        features: (n, D) unit vectors.
    """

    rows: Ints
    features: Floats


@dataclass(frozen=True)
class Neighbour:
    """A training image near a query image.

    Attributes:
        row: row of the data set's table.
        distance: 1 - cosine of the features, 0 to 2.
        same: whether all pixels equal the query's in the model's image size.
    """

    row: int
    distance: float
    same: bool


@torch.inference_mode()
def training_reference(method: Method, data: ImageDataModule, device: torch.device) -> Reference:
    """Compute the features of the unaugmented training images, with a progress bar."""
    batches = data.evaluation_batches("train", device)
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
    data: ImageDataModule,
    count: int,
) -> list[Neighbour]:
    """Return the nearest training images, the nearest first.

    Copies of the query are included and marked, but do not count.

    Args:
        query: (D,) features of the query, a unit vector.
        pixels: (3, H, W) pixels of the query, in the model's image size.
        reference: features of the training part.
        data: the data set.
        count: number of neighbours that are not copies of the query.
    """
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
