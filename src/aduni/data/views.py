"""Augmented views of cached images. The only module that knows albumentations."""

from collections.abc import Sequence
from typing import Any

import albumentations as A
import numpy as np
import torch
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.cache import ImageCache
from aduni.data.draws import Draw
from aduni.data.samplers import Ints


class TrainingViews(Dataset[Batch]):
    """Batches of V augmentations of each drawn image.

    Random numbers are derived from (seed, epoch, row, view), where an image that appears again in
    the same epoch goes on counting views. They depend on nothing else: not on the worker, nor on
    the number of workers. (albumentations 2 ignores all global seeds, and left alone its workers
    repeat each other and themselves.)

    Args:
        cache: the images.
        labels: (n,) classes of all rows.
        transforms: albumentations transforms, uint8 to uint8.
        views: V.
        seed: of the run.
    """

    def __init__(
        self,
        cache: ImageCache,
        labels: Ints,
        transforms: Sequence[A.BasicTransform],
        *,
        views: int,
        seed: int,
    ) -> None:
        self._cache, self._labels = cache, labels
        self._augment = A.Compose(list(transforms))
        self._views, self._seed = views, seed

    def __getitems__(self, draws: list[Draw]) -> Batch:
        """A whole batch: views (V, B, 3, H, W) uint8, channels last in memory."""
        side = self._cache.pixels.shape[1]
        views = np.empty((self._views, len(draws), side, side, 3), dtype=np.uint8)
        for position, draw in enumerate(draws):
            image = np.asarray(self._cache.pixels[draw.row])
            for view in range(self._views):
                number = draw.repeat * self._views + view
                key = [self._seed, draw.epoch, draw.row, number]
                self._augment.set_random_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
                views[view, position] = self._augment(image=image)["image"]
        return _batch(views, self._labels, [draw.row for draw in draws])


class PlainViews(Dataset[Batch]):
    """Batches of images as they are, V = 1, for evaluation."""

    def __init__(self, cache: ImageCache, labels: Ints) -> None:
        self._cache, self._labels = cache, labels

    def __getitems__(self, rows: list[int]) -> Batch:
        """A whole batch."""
        return _batch(self._cache.pixels[rows][None], self._labels, rows)


def as_batch(batch: Any) -> Batch:
    """The loader's collate function: the data sets above return whole batches."""
    return Batch(*batch)


def _batch(views: np.ndarray, labels: Ints, rows: list[int]) -> Batch:
    return Batch(
        views=torch.from_numpy(views).permute(0, 1, 4, 2, 3),
        labels=torch.from_numpy(labels[rows]),
        indices=torch.tensor(rows),
    )
