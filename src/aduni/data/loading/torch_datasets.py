"""Data sets that return whole batches of cached images: augmented, unchanged, or raw.

The views of raw batches are made on the device."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import albumentations as A
import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.augmentation.gpu.augment import make_views
from aduni.data.augmentation.gpu.from_albumentations import Recipe
from aduni.data.augmentation.gpu.parameters import ViewParameters, draw_parameters
from aduni.data.cache.image_cache import ImageCache, Pixels
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError


class TrainingDataset(Dataset[Batch]):
    """Data set of batches with V augmented views of each sampled image.

    Random numbers are a function of (seed, epoch, row, view) alone, where an image that repeats in
    an epoch continues its count of views. They do not depend on the worker or the number of
    workers. (albumentations 2 ignores all global seeds, and its workers repeat each other and
    themselves. `A.Compose.set_random_seed` starts every transform with the same numbers, so that
    two flips would always happen together.)
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
        rows = [index.row for index in indices]
        return _make_batch(views, self._labels, rows, indices[0].total)

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


def _make_batch(
    views: np.ndarray, labels: Ints, rows: list[int], total: int | None = None
) -> Batch:
    return Batch(
        views=torch.from_numpy(views).permute(0, 1, 4, 2, 3),
        labels=torch.from_numpy(labels[rows]),
        indices=torch.tensor(rows),
        total=total,
    )


class RawBatch(NamedTuple):
    """Images, labels and view parameters from which a `Batch` is made on the device.

    Attributes:
        images: (B, H, W, 3) uint8; None if the device keeps all images.
        labels: (B,) int64 class numbers.
        indices: (B,) int64 rows of the image table.
        parameters: parameters of N = V * B views; None for unaugmented images, V = 1.
        total: images of the batch on all ranks together; None where it is not divided.
    """

    images: Tensor | None
    labels: Tensor
    indices: Tensor
    parameters: ViewParameters | None
    total: int | None = None


class RawTrainingDataset(Dataset[RawBatch]):
    """Data set of batches of unaugmented images with the parameters of V views of each.

    Random numbers are as those of `TrainingDataset`. Without `with_images`, batches contain no
    images, since the device keeps them all.
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
        rows, epochs, repeats, _ = np.array(indices, dtype=np.int64).T
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
        return RawBatch(images, labels, torch.from_numpy(rows), parameters, indices[0].total)


class RawEvaluationDataset(Dataset[RawBatch]):
    """Data set of batches of rows whose images the device keeps, for evaluation."""

    def __init__(self, labels: Ints) -> None:
        self._labels = labels

    def __getitems__(self, rows: list[int]) -> RawBatch:
        labels = torch.from_numpy(self._labels[rows])
        return RawBatch(None, labels, torch.tensor(rows), None)


def complete_batch(raw: RawBatch, device_images: Tensor | None, *, nearest: bool) -> Batch:
    """Make the views of a raw batch on its device; arguments are as those of `make_views`.

    A batch without images takes them from `device_images`, which has those of the whole table.
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
    return Batch(views, raw.labels, raw.indices, raw.total)
