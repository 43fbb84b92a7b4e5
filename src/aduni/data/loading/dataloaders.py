"""Data loaders for training and evaluation, and errors of their processes."""

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.queues import Queue
from typing import Any, Literal

import albumentations as A
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import signal_handling

from aduni.batch import Batch
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.cache.feature_cache import FeatureCache
from aduni.data.cache.gpu_images import DeviceImages
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.feature_datasets import FeatureEvaluationDataset, FeatureTrainingDataset
from aduni.data.loading.gpu_copies import GpuLoader
from aduni.data.loading.samplers import Ints
from aduni.data.loading.settings import DataOnGpu
from aduni.data.loading.shared_memory import PREFETCH_FACTOR
from aduni.data.loading.torch_datasets import (
    EvaluationDataset,
    RawBatch,
    RawEvaluationDataset,
    RawTrainingDataset,
    TrainingDataset,
    complete_batch,
)
from aduni.errors import UserError
from aduni.shortage import shortage

Loader = DataLoader[Any]
"""Loader of `Batch`, or of `RawBatch` if the views are made on the device."""

BATCH_TIMEOUT_SECONDS = 600
"""Seconds to wait for a batch: a loader process that has lost one does not report it."""


class LoaderFactory:
    """Makes loaders of whole batches, augmented in the loader (cpu) or on the device (gpu).

    If `data_on_gpu` keeps all images on the device, loaders read none and need no workers.

    Attributes:
        features: features of a frozen encoder, which then take the place of the images.
    """

    features: FeatureCache | None = None

    def __init__(
        self,
        transforms: Sequence[A.BasicTransform | A.BaseCompose],
        augment: Literal["cpu", "gpu"],
        data_on_gpu: DataOnGpu,
    ) -> None:
        self._transforms = transforms
        self._recipe = read_recipe(transforms) if augment == "gpu" else None
        self._device_images = DeviceImages(data_on_gpu)

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy the images to the device if they are to be kept there."""
        if self._recipe is not None and self.features is None:
            self._device_images.fill(cache, device)

    def training_loader(
        self,
        cache: ImageCache,
        labels: Ints,
        sampler: Any,
        *,
        device: torch.device,
        workers: int,
        views: int,
        seed: int,
    ) -> Loader:
        """Make the loader of V views of each sampled image, or of what they are made from."""
        if self.features:
            drawn = FeatureTrainingDataset(self.features, labels, views=views)
            return _loader(drawn, sampler, 0, device)
        if self._recipe is None:
            dataset = TrainingDataset(cache, labels, self._transforms, views=views, seed=seed)
            return _loader(dataset, sampler, workers, device)
        with_images = self._device_images.images is None
        raw = RawTrainingDataset(
            cache, labels, self._recipe, views=views, seed=seed, with_images=with_images
        )
        return _loader(raw, sampler, workers if with_images else 0, device)

    def evaluation_loader(
        self, cache: ImageCache, labels: Ints, sampler: Any, device: torch.device
    ) -> Loader:
        """Make the loader of unaugmented images, or of their rows if the device has the images."""
        if self.features:
            return _loader(FeatureEvaluationDataset(self.features, labels), sampler, 0, device)
        on_device = self._device_images.has(device)
        dataset = RawEvaluationDataset(labels) if on_device else EvaluationDataset(cache, labels)
        return _loader(dataset, sampler, 0, device)

    def to_batch(self, loaded: Batch | RawBatch) -> Batch:
        """Complete a loaded batch on the device that it has been sent to."""
        if isinstance(loaded, Batch):
            return loaded
        nearest = self._recipe is not None and self._recipe.warp.nearest
        return complete_batch(loaded, self._device_images.images, nearest=nearest)


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


def keep_whole(batch: Any) -> Any:
    """Collate a batch, which the data set returned whole."""
    return batch


def _loader(dataset: Dataset[Any], sampler: Any, num_workers: int, device: torch.device) -> Loader:
    if num_workers:
        _reinstall_child_handler()
    on_gpu = device.type == "cuda"
    make = partial(GpuLoader, device=device) if on_gpu else DataLoader
    return make(
        dataset,
        batch_sampler=sampler,
        collate_fn=keep_whole,
        num_workers=num_workers,
        prefetch_factor=PREFETCH_FACTOR if num_workers else None,
        timeout=BATCH_TIMEOUT_SECONDS if num_workers else 0,
        persistent_workers=num_workers > 0,
        worker_init_fn=partial(_init_worker, lower_priority=not on_gpu),
        pin_memory=on_gpu,
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

    On a CPU the model's threads wait for each other, so a worker that takes a core stalls all of
    them.
    """
    if lower_priority and hasattr(os, "nice"):  # not on Windows
        os.nice(10)
    # By default the sending thread prints its error and continues, and the model waits for ever.
    Queue._on_queue_feeder_error = staticmethod(_exit_worker)  # type: ignore[attr-defined]


def _exit_worker(error: Exception, batch: object) -> None:
    if isinstance(error, ConnectionError):  # the training has ended, and says why
        os._exit(1)
    reason = shortage(error) or " ".join(str(error).split()) or type(error).__name__
    print(f"A loader process cannot send its batch: {reason}", file=sys.stderr, flush=True)
    os._exit(1)
