"""Augmented views of cached images."""

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
    """Batches of V augmentations of each drawn image.

    Random numbers are derived from (seed, epoch, row, view), where an image that appears again in
    the same epoch goes on counting views. They depend on nothing else: not on the worker, nor on
    the number of workers. (albumentations 2 ignores all global seeds, and left alone its workers
    repeat each other and themselves. `A.Compose.set_random_seed` is no remedy: it starts every
    transform with the same numbers, so that two flips would always happen together.)

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
        transforms: Sequence[A.BasicTransform | A.BaseCompose],
        *,
        views: int,
        seed: int,
    ) -> None:
        self._cache, self._labels = cache, labels
        self._transforms = list(transforms)
        self.views, self._seed = views, seed

    def __getitems__(self, draws: list[SampleIndex]) -> Batch:
        """A whole batch: views (V, B, 3, H, W) uint8, channels last in memory."""
        cv2.setNumThreads(0)  # one image is too little work for several
        pixels = np.asarray(self._cache.pixels)  # indexing the memory map itself takes longer
        side = pixels.shape[1]
        views = np.empty((self.views, len(draws), side, side, 3), dtype=np.uint8)
        for position, draw in enumerate(draws):
            # Read in order first: a turned warp that reads from the map waits for memory.
            image = pixels[draw.row].copy()
            image.flags.writeable = False  # no view may change the next one
            for view in range(self.views):
                number = draw.repeat * self.views + view
                key = [self._seed, draw.epoch, draw.row, number]
                views[view, position] = self._augmented(image, key)
        return _batch(views, self._labels, [draw.row for draw in draws])

    def _augmented(self, image: Pixels, key: list[int]) -> Pixels:
        """One view (H, W, 3): the transforms draw one after the other from the same generators."""
        entropy = np.array(key, dtype=np.uint32)  # numbers of a list are converted one by one
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        generator, python = np.random.default_rng(seed), random.Random(seed)
        for transform in self._transforms:
            transform.set_random_state(generator, python)
            image = transform(image=image)["image"]
        return image


class EvaluationDataset(Dataset[Batch]):
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
