"""Loaders of data sets that return whole batches."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.queues import Queue
from typing import Any

import albumentations as A
import torch
from torch.utils.data import DataLoader, Dataset

from aduni.batch import Batch
from aduni.data.augmentation.gpu.batch_views import (
    RawBatch,
    RawEvaluationDataset,
    RawTrainingDataset,
    as_raw_batch,
    with_views,
)
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.cache.gpu_images import DataOnGpu, DeviceImages
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.samplers import Ints
from aduni.data.loading.shared_memory import AHEAD, check_loader
from aduni.data.loading.torch_datasets import EvaluationDataset, TrainingDataset, as_batch
from aduni.errors import UserError
from aduni.shortage import shortage

Loader = DataLoader[Any]
"""Of `Batch`, or of `RawBatch` where the device makes the views."""

LONGEST_WAIT = 600
"""Seconds to wait for a batch of a loader process: one that lost it never says so."""


class ViewLoaders:
    """Whole batches, whose views are made on the CPU.

    Args:
        transforms: of the training views.
    """

    def __init__(self, transforms: Sequence[A.BasicTransform | A.BaseCompose]) -> None:
        self._transforms = transforms
        self._begun: Callable[[], Loader] | None = None
        self._most_views = 1  # of all stages so far

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Nothing is kept on the device."""

    def training(
        self,
        cache: ImageCache,
        labels: Ints,
        draws: Any,
        num_workers: int,
        *,
        views: int,
        seed: int,
    ) -> Loader:
        """V augmented views of each drawn image."""
        made = TrainingDataset(cache, labels, self._transforms, views=views, seed=seed)
        return _loader(made, draws, as_batch, num_workers)

    def begin(self, *data: Any, views: int, seed: int) -> None:
        """Take the arguments of `training` for the stage that comes next."""
        self._begun = partial(self.training, *data, views=views, seed=seed)
        self._most_views = max(self._most_views, views)

    def begun(self, processes: int) -> Loader:
        """The stage's training loader.

        Args:
            processes: training processes on this machine.

        Raises:
            UserError: loader processes have no room for its batches, or for those of another stage.
        """
        assert self._begun is not None, "begin comes first"
        loader = self._begun()
        check_loader(loader, self._most_views, processes)
        return loader

    def plain(self, cache: ImageCache, labels: Ints, rows: Any, device: torch.device) -> Loader:
        """Images as they are, on their way to a device."""
        return _loader(EvaluationDataset(cache, labels), rows, as_batch, 0)

    def whole(self, batch: Batch | RawBatch) -> Batch:
        """The batch, on the device that it has been sent to."""
        assert isinstance(batch, Batch)
        return batch


class RawLoaders(ViewLoaders):
    """Batches whose views are made on the device.

    Args:
        transforms: of the training views.
        data_on_gpu: whether the device is to have all images: no loader reads any then, nor needs
            workers.

    Raises:
        UserError: the transforms are none for whole batches.
    """

    def __init__(
        self, transforms: Sequence[A.BasicTransform | A.BaseCompose], data_on_gpu: DataOnGpu
    ) -> None:
        super().__init__(transforms)
        self._recipe = read_recipe(transforms)
        self._on_device = DeviceImages(data_on_gpu)

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy all images to the device, if they are to be there."""
        self._on_device.fill(cache, device)

    def training(
        self,
        cache: ImageCache,
        labels: Ints,
        draws: Any,
        num_workers: int,
        *,
        views: int,
        seed: int,
    ) -> Loader:
        """What V augmented views of each drawn image are made from."""
        sent = self._on_device.images is None
        raw = RawTrainingDataset(
            cache, labels, self._recipe, views=views, seed=seed, with_images=sent
        )
        return _loader(raw, draws, as_raw_batch, num_workers if sent else 0)

    def plain(self, cache: ImageCache, labels: Ints, rows: Any, device: torch.device) -> Loader:
        """Images as they are: their rows, where the device has the images."""
        if self._on_device.has(device):
            return _loader(RawEvaluationDataset(labels), rows, as_raw_batch, 0)
        return super().plain(cache, labels, rows, device)

    def whole(self, batch: Batch | RawBatch) -> Batch:
        """The batch with its views."""
        if isinstance(batch, Batch):
            return batch
        return with_views(batch, self._on_device.images, nearest=self._recipe.warp.nearest)


def view_loaders(
    transforms: Sequence[A.BasicTransform | A.BaseCompose], augment: str, data_on_gpu: DataOnGpu
) -> ViewLoaders:
    """Those that `augment`, cpu or gpu, asks for; raises as `RawLoaders`."""
    if augment == "gpu":
        return RawLoaders(transforms, data_on_gpu)
    return ViewLoaders(transforms)


def lost_worker(error: BaseException) -> UserError | None:
    """A sentence, if a training's error is torch's word on a loader process that is gone or stuck.

    The signal of a child's end interrupts the training anywhere, not only where it asks for a
    batch.
    """
    if not isinstance(error, RuntimeError):
        return None
    reason = " ".join(str(error).split()).rstrip(".")
    if reason.startswith("DataLoader timed out"):
        return UserError(
            f"The loader processes gave no batch in {LONGEST_WAIT} seconds; run again with resume= "
            "the run's folder and num_workers=0, or free shared memory (/dev/shm; in a container "
            "give it more with --shm-size or --ipc=host)."
        )
    if not reason.startswith("DataLoader worker (pid"):
        return None
    return UserError(
        f"A loader process ended before its time ({reason}); run again with resume= the run's "
        "folder, and where memory, shared memory (/dev/shm) or open files are short with a lower "
        "num_workers, at the least num_workers=0."
    )


def _loader(
    dataset: Dataset[Any], rows: Any, collate: Callable[[Any], Any], num_workers: int
) -> Loader:
    return DataLoader(
        dataset,
        batch_sampler=rows,
        collate_fn=collate,
        num_workers=num_workers,
        prefetch_factor=AHEAD if num_workers else None,
        timeout=LONGEST_WAIT if num_workers else 0,
        persistent_workers=num_workers > 0,
        worker_init_fn=partial(_begin_worker, gives_way=not torch.cuda.is_available()),
        pin_memory=torch.cuda.is_available(),
        # The loader draws a base seed for its workers: not from the model's random numbers.
        generator=torch.Generator(),
    )


def _begin_worker(worker: int, *, gives_way: bool) -> None:
    """Have a loader process end where it cannot send a batch, and give way to the model.

    Args:
        worker: its number.
        gives_way: a CPU's model has threads that wait for one another: who takes one's core stops
            them all.
    """
    if gives_way and hasattr(os, "nice"):  # not on Windows
        os.nice(10)
    # The thread that sends batches would print its error and go on, and the model would wait.
    Queue._on_queue_feeder_error = staticmethod(_end_worker)  # type: ignore[attr-defined]


def _end_worker(error: Exception, batch: object) -> None:
    reason = shortage(error) or " ".join(str(error).split()) or type(error).__name__
    print(f"A loader process cannot send its batch: {reason}", file=sys.stderr, flush=True)
    os._exit(1)
