"""From a loader's rows to a `Batch` whose views are made on the device."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.augmentation.gpu.augment import augmented
from aduni.data.augmentation.gpu.from_albumentations import Recipe
from aduni.data.augmentation.gpu.parameters import Drawn, draw
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError


class RawBatch(NamedTuple):
    """What makes a `Batch` on the device.

    Attributes:
        images: (B, H, W, 3) uint8; None where the device has them all.
        labels: (B,) int64 class numbers.
        indices: (B,) int64 rows of the image table.
        drawn: parameters of N = V * B views; None where the images themselves are the view.
    """

    images: Tensor | None
    labels: Tensor
    indices: Tensor
    drawn: Drawn | None


class RawTrainingDataset(Dataset[RawBatch]):
    """Images as they are, with the parameters of V views of each.

    Random numbers depend on (seed, epoch, row, view) alone, as those of `TrainingDataset` do.

    Args:
        cache: the images.
        labels: (n,) classes of all rows.
        recipe: of the augmentation.
        views: V.
        seed: of the run.
        with_images: False where the device has them all.
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

    def __getitems__(self, draws: list[SampleIndex]) -> RawBatch:
        """A whole batch."""
        rows, epochs, repeats = np.array(draws, dtype=np.int64).T
        numbers = repeats * self.views + np.arange(self.views)[:, None]
        drawn = draw(
            self._recipe,
            self._seed,
            np.tile(epochs, self.views),
            np.tile(rows, self.views),
            numbers.ravel(),
            self._cache.pixels.shape[1],
        )
        images = torch.from_numpy(self._cache.pixels[rows]) if self._with_images else None
        return RawBatch(images, torch.from_numpy(self._labels[rows]), torch.from_numpy(rows), drawn)


class RawEvaluationDataset(Dataset[RawBatch]):
    """Rows of images that the device has, for evaluation."""

    def __init__(self, labels: Ints) -> None:
        self._labels = labels

    def __getitems__(self, rows: list[int]) -> RawBatch:
        """A whole batch."""
        labels = torch.from_numpy(self._labels[rows])
        return RawBatch(None, labels, torch.tensor(rows), None)


def as_raw_batch(batch: RawBatch) -> RawBatch:
    """The loader's collate function: the data sets above return whole batches."""
    return batch


def with_views(raw: RawBatch, device_images: Tensor | None, *, nearest: bool) -> Batch:
    """The batch, on the device where `raw` is.

    Args:
        raw: of a loader.
        device_images: (n, H, W, 3) uint8 of the whole table, for batches without images.
        nearest: interpolation of the warp; else linear.

    Raises:
        UserError: a trainer of another precision has rounded the parameters on the way.
    """
    if raw.images is not None:
        images, rows = raw.images, torch.arange(len(raw.labels), device=raw.labels.device)
    else:
        assert device_images is not None
        images, rows = device_images, raw.indices
    if raw.drawn is None:
        views = images[rows][None].permute(0, 1, 4, 2, 3)
    elif raw.drawn.sampling.dtype != torch.float32:
        raise UserError(
            "augment=gpu needs the parameters of its views in 32 bits; use augment=cpu, "
            "precision=32-true or a mixed precision."
        )
    else:
        views = augmented(images, rows, raw.drawn, nearest=nearest)
    return Batch(views, raw.labels, raw.indices)
