"""Data sets that load raw images, and the completion of their batches on the device."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.augmentation.gpu.augment import make_views
from aduni.data.augmentation.gpu.from_albumentations import Recipe
from aduni.data.augmentation.gpu.parameters import ViewParameters, draw_parameters
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError


class RawBatch(NamedTuple):
    """Images, labels and view parameters from which a `Batch` is made on the device.

    Attributes:
        images: (B, H, W, 3) uint8; None if the device keeps all images.
        labels: (B,) int64 class numbers.
        indices: (B,) int64 rows of the image table.
        parameters: parameters of N = V * B views; None for unaugmented images, V = 1.
    """

    images: Tensor | None
    labels: Tensor
    indices: Tensor
    parameters: ViewParameters | None


class RawTrainingDataset(Dataset[RawBatch]):
    """Data set of batches of unaugmented images with the parameters of V views of each.

    Arguments and random numbers are as those of `TrainingDataset`, except for:

    Args:
        recipe: ranges and probabilities of the augmentation.
        with_images: whether batches contain images; False if the device keeps them all.
    """

    def __init__(
        self,
        cache: ImageCache,
        labels: Ints,
        recipe: Recipe,
        *,
        views: int,
        seed: int,
        with_images: bool,
    ) -> None:
        self._cache, self._labels, self._recipe = cache, labels, recipe
        self.views, self._seed, self._with_images = views, seed, with_images

    def __getitems__(self, indices: list[SampleIndex]) -> RawBatch:
        rows, epochs, repeats = np.array(indices, dtype=np.int64).T
        numbers = repeats * self.views + np.arange(self.views)[:, None]
        parameters = draw_parameters(
            self._recipe,
            self._seed,
            np.tile(epochs, self.views),
            np.tile(rows, self.views),
            numbers.ravel(),
            self._cache.pixels.shape[1],
        )
        images = torch.from_numpy(self._cache.pixels[rows]) if self._with_images else None
        labels = torch.from_numpy(self._labels[rows])
        return RawBatch(images, labels, torch.from_numpy(rows), parameters)


class RawEvaluationDataset(Dataset[RawBatch]):
    """Data set of batches of rows whose images the device keeps, for evaluation."""

    def __init__(self, labels: Ints) -> None:
        self._labels = labels

    def __getitems__(self, rows: list[int]) -> RawBatch:
        labels = torch.from_numpy(self._labels[rows])
        return RawBatch(None, labels, torch.tensor(rows), None)


def as_raw_batch(batch: RawBatch) -> RawBatch:
    """Collate a batch, which the data set returned whole."""
    return batch


def complete_batch(raw: RawBatch, device_images: Tensor | None, *, nearest: bool) -> Batch:
    """Make the views of a raw batch on its device; arguments are as those of `make_views`.

    A batch without images takes them from `device_images`, which has those of the whole table.

    Raises:
        UserError: if the trainer's precision plugin has rounded the parameters.
    """
    if raw.images is not None:
        images, rows = raw.images, torch.arange(len(raw.labels), device=raw.labels.device)
    else:
        assert device_images is not None
        images, rows = device_images, raw.indices
    if raw.parameters is None:
        views = images[rows][None].permute(0, 1, 4, 2, 3)
    elif raw.parameters.sampling.dtype != torch.float32:
        raise UserError(
            "augment=gpu needs the parameters of its views in 32 bits; use augment=cpu, "
            "precision=32-true or a mixed precision."
        )
    else:
        views = make_views(images, rows, raw.parameters, nearest=nearest)
    return Batch(views, raw.labels, raw.indices)
