"""Data loaders for training and evaluation, and errors of their worker processes."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.queues import Queue
from typing import Any

import albumentations as A
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import signal_handling

from aduni.batch import Batch
from aduni.data.augmentation.gpu.batch_views import (
    RawBatch,
    RawEvaluationDataset,
    RawTrainingDataset,
    as_raw_batch,
    complete_batch,
)
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.cache.gpu_images import DataOnGpu, DeviceImages
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.samplers import Ints
from aduni.data.loading.shared_memory import PREFETCH_FACTOR, check_loader
from aduni.data.loading.torch_datasets import EvaluationDataset, TrainingDataset, as_batch
from aduni.errors import UserError
from aduni.shortage import shortage

Loader = DataLoader[Any]
"""Loader of `Batch`, or of `RawBatch` if the views are made on the device."""

BATCH_TIMEOUT_SECONDS = 600
"""Seconds to wait for a batch: a loader process that has lost one does not report it."""


class LoaderFactory:
    """Makes loaders of whole batches; the transforms are applied by the loader, on the CPU."""

    def __init__(self, transforms: Sequence[A.BasicTransform | A.BaseCompose]) -> None:
        self._transforms = transforms
        self._make_stage_loader: Callable[[], Loader] | None = None
        self._max_views = 1  # of all stages so far

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy the images to the device if they are to be kept there."""

    def training_loader(
        self, cache: ImageCache, labels: Ints, sampler: Any, workers: int, views: int, seed: int
    ) -> Loader:
        """Make the loader of V augmented views of each sampled image."""
        dataset = TrainingDataset(cache, labels, self._transforms, views=views, seed=seed)
        return _loader(dataset, sampler, as_batch, workers)

    def set_stage(
        self, cache: ImageCache, labels: Ints, sampler: Any, workers: int, views: int, seed: int
    ) -> None:
        """Store the arguments of `training_loader` for the next stage."""
        data = cache, labels, sampler, workers
        self._make_stage_loader = partial(self.training_loader, *data, views, seed)
        self._max_views = max(self._max_views, views)

    def stage_loader(self, processes: int) -> Loader:
        """Make the training loader of the stage, for one of the processes on this machine.

        Raises:
            UserError: if the shared memory is too small for the batches of any stage so far.
        """
        assert self._make_stage_loader is not None, "set_stage comes first"
        loader = self._make_stage_loader()
        check_loader(loader, self._max_views, processes)
        return loader

    def evaluation_loader(
        self, cache: ImageCache, labels: Ints, sampler: Any, device: torch.device
    ) -> Loader:
        """Make the loader of unaugmented images that are to be sent to a device."""
        return _loader(EvaluationDataset(cache, labels), sampler, as_batch, 0)

    def to_batch(self, loaded: Batch | RawBatch) -> Batch:
        """Complete a loaded batch on the device that it has been sent to."""
        assert isinstance(loaded, Batch)
        return loaded


class RawLoaderFactory(LoaderFactory):
    """Makes loaders of batches whose views are made on the device.

    If `data_on_gpu` keeps all images on the device, loaders read none and need no workers.

    Raises:
        UserError: if the transforms cannot be applied to whole batches.
    """

    def __init__(
        self, transforms: Sequence[A.BasicTransform | A.BaseCompose], data_on_gpu: DataOnGpu
    ) -> None:
        super().__init__(transforms)
        self._recipe = read_recipe(transforms)
        self._device_images = DeviceImages(data_on_gpu)

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy the images to the device if they are to be kept there."""
        self._device_images.fill(cache, device)

    def training_loader(
        self, cache: ImageCache, labels: Ints, sampler: Any, workers: int, views: int, seed: int
    ) -> Loader:
        """Make the loader of each sampled image with the parameters of its V views."""
        with_images = self._device_images.images is None
        dataset = RawTrainingDataset(
            cache, labels, self._recipe, views=views, seed=seed, with_images=with_images
        )
        return _loader(dataset, sampler, as_raw_batch, workers if with_images else 0)

    def evaluation_loader(
        self, cache: ImageCache, labels: Ints, sampler: Any, device: torch.device
    ) -> Loader:
        """Make the loader of unaugmented images, or of their rows if the device has the images."""
        if self._device_images.has(device):
            return _loader(RawEvaluationDataset(labels), sampler, as_raw_batch, 0)
        return super().evaluation_loader(cache, labels, sampler, device)

    def to_batch(self, loaded: Batch | RawBatch) -> Batch:
        """Make the views of a loaded batch on the device that it has been sent to."""
        if isinstance(loaded, Batch):
            return loaded
        nearest = self._recipe.warp.nearest
        return complete_batch(loaded, self._device_images.images, nearest=nearest)


def make_loader_factory(
    transforms: Sequence[A.BasicTransform | A.BaseCompose], augment: str, data_on_gpu: DataOnGpu
) -> LoaderFactory:
    """Return the factory for `augment`, cpu or gpu; raises as `RawLoaderFactory` does."""
    if augment == "gpu":
        return RawLoaderFactory(transforms, data_on_gpu)
    return LoaderFactory(transforms)


def worker_error(error: BaseException) -> UserError | None:
    """Return a readable error if torch reports a loader process that has ended or is stuck.

    torch raises it from a signal handler, anywhere in the training and not only where it waits for
    a batch.
    """
    if not isinstance(error, RuntimeError):
        return None
    reason = " ".join(str(error).split()).rstrip(".")
    if reason.startswith("DataLoader timed out"):
        return UserError(
            f"The loader processes gave no batch in {BATCH_TIMEOUT_SECONDS} seconds; run again "
            "with resume= the run's folder and num_workers=0, or free shared memory (/dev/shm; in "
            "a container give it more with --shm-size or --ipc=host)."
        )
    if not reason.startswith("DataLoader worker (pid"):
        return None
    return UserError(
        f"A loader process ended before its time ({reason}); run again with resume= the run's "
        "folder, and where memory, shared memory (/dev/shm) or open files are short with a lower "
        "num_workers, at the least num_workers=0."
    )


def _loader(
    dataset: Dataset[Any], sampler: Any, collate: Callable[[Any], Any], num_workers: int
) -> Loader:
    if num_workers:
        _reinstall_child_handler()
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=num_workers,
        prefetch_factor=PREFETCH_FACTOR if num_workers else None,
        timeout=BATCH_TIMEOUT_SECONDS if num_workers else 0,
        persistent_workers=num_workers > 0,
        worker_init_fn=partial(_init_worker, lower_priority=not torch.cuda.is_available()),
        pin_memory=torch.cuda.is_available(),
        # The loader draws a base seed for its workers, which must not advance the global generator.
        generator=torch.Generator(),
    )


def _reinstall_child_handler() -> None:
    """Have torch handle SIGCHLD again, which tells it at once that a loader process has ended.

    Lightning restores all signal handlers at the end of a fit, torch's among them, and torch
    installs its own once a process only: later stages and jobs would wait for the time limit.
    """
    if sys.platform != "win32" and signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL:
        signal_handling._SIGCHLD_handler_set = False


def _init_worker(worker: int, *, lower_priority: bool) -> None:
    """Set the priority of a loader process, and make it exit if it cannot send a batch.

    Args:
        worker: number of the process.
        lower_priority: run below the priority of the training process. On a CPU the model's
            threads wait for each other, so a worker that takes a core stalls all of them.
    """
    if lower_priority and hasattr(os, "nice"):  # not on Windows
        os.nice(10)
    # By default the sending thread prints its error and continues, and the model waits for ever.
    Queue._on_queue_feeder_error = staticmethod(_exit_worker)  # type: ignore[attr-defined]


def _exit_worker(error: Exception, batch: object) -> None:
    reason = shortage(error) or " ".join(str(error).split()) or type(error).__name__
    print(f"A loader process cannot send its batch: {reason}", file=sys.stderr, flush=True)
    os._exit(1)
