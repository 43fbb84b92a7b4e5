"""Data sets that return whole batches of cached images, augmented or unchanged."""

import random
from collections.abc import Sequence
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.cache.image_cache import ImageCache, Pixels
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Ints


class TrainingDataset(Dataset[Batch]):
    """Data set of batches with V augmented views of each sampled image.

    Random numbers are a function of (seed, epoch, row, view) alone, where an image that repeats in
    an epoch continues its count of views. They do not depend on the worker or the number of
    workers. (albumentations 2 ignores all global seeds, and its workers repeat each other and
    themselves. `A.Compose.set_random_seed` starts every transform with the same numbers, so that
    two flips would always happen together.)

    Args:
        cache: the images.
        labels: (n,) classes of all rows.
        transforms: albumentations transforms, uint8 to uint8.
        views: V, views of each image.
        seed: seed of the stage.
    """

    def __init__(
        self,
        cache: ImageCache,
        labels: Ints,
        transforms: Sequence[A.BasicTransform | A.BaseCompose],
        *,
        views: int,
        seed: int,
    ) -> None:
        self._cache, self._labels = cache, labels
        self._transforms = list(transforms)
        self.views, self._seed = views, seed

    def __getitems__(self, indices: list[SampleIndex]) -> Batch:
        """Return a whole batch: views (V, B, 3, H, W) uint8, channels last in memory."""
        cv2.setNumThreads(0)  # one image is too little work for several threads
        pixels = np.asarray(self._cache.pixels)  # indexing the memory map itself takes longer
        side = pixels.shape[1]
        views = np.empty((self.views, len(indices), side, side, 3), dtype=np.uint8)
        for position, index in enumerate(indices):
            # A sequential read: a rotating warp that reads from the map waits for memory.
            image = pixels[index.row].copy()
            image.flags.writeable = False  # so that no view changes the next one
            for view in range(self.views):
                number = index.repeat * self.views + view
                key = [self._seed, index.epoch, index.row, number]
                views[view, position] = self._augment(image, key)
        return _make_batch(views, self._labels, [index.row for index in indices])

    def _augment(self, image: Pixels, key: list[int]) -> Pixels:
        """Make one view (H, W, 3); the transforms share the generators and draw in turn."""
        entropy = np.array(key, dtype=np.uint32)  # a list would be converted item by item
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        generator, python = np.random.default_rng(seed), random.Random(seed)
        for transform in self._transforms:
            transform.set_random_state(generator, python)
            image = transform(image=image)["image"]
        return image


class EvaluationDataset(Dataset[Batch]):
    """Data set of batches of unaugmented images, V = 1, for evaluation."""

    def __init__(self, cache: ImageCache, labels: Ints) -> None:
        self._cache, self._labels = cache, labels

    def __getitems__(self, rows: list[int]) -> Batch:
        return _make_batch(self._cache.pixels[rows][None], self._labels, rows)


def as_batch(batch: Any) -> Batch:
    """Collate a batch, which the data set returned whole."""
    return Batch(*batch)


def _make_batch(views: np.ndarray, labels: Ints, rows: list[int]) -> Batch:
    return Batch(
        views=torch.from_numpy(views).permute(0, 1, 4, 2, 3),
        labels=torch.from_numpy(labels[rows]),
        indices=torch.tensor(rows),
    )
