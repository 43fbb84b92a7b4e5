"""Check that the batches of the loader processes fit into shared memory.

torch's loader processes copy each tensor of a batch into a file of /dev/shm, under both of its
sharing strategies. If a file does not fit, its batch is lost in a thread of the process, and the
training waits for it.
"""

import math
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from aduni.data.loading.batch_samplers import TrainingBatchSampler
from aduni.distributed.collectives import rank, world_size
from aduni.errors import UserError

SHM_DIR = Path("/dev/shm")
"""File system of Linux's shared memory; other systems have no such limit."""

PREFETCH_FACTOR = 2

TRAINER_BATCHES = 2
"""Batches that the trainer holds: that of the step and the next one."""

QUEUE_LOCK_BYTES = 2**20
"""Bytes for the locks of a training process's queues, one page each."""


def check_loader(loader: DataLoader[Any], views: int, processes: int) -> None:
    """Check that shared memory has room for the batches of a training's loader processes.

    `views` is the largest number of an image in any stage, `processes` those of this machine.
    """
    sampler = loader.batch_sampler
    if not loader.num_workers or rank() % processes:
        return  # only the first process of a machine checks, for all of them
    assert isinstance(sampler, TrainingBatchSampler)
    dataset: Any = loader.dataset
    sample = dataset.__getitems__([sampler.first_index])
    batch = shared_bytes(sample, -(-sampler.largest_batch // world_size()))
    check_free_memory(-(-batch * views // dataset.views), loader.num_workers, processes)


def check_free_memory(batch: int, workers: int, processes: int) -> None:
    """Check that there is room for the batches, each of so many bytes, of all loader processes."""
    free = free_bytes()
    if free is None:
        return
    needed = processes * (batch * (PREFETCH_FACTOR * workers + TRAINER_BATCHES) + QUEUE_LOCK_BYTES)
    if needed <= free:
        return
    batches = (free // processes - QUEUE_LOCK_BYTES) // batch - TRAINER_BATCHES
    fewer = max(batches // PREFETCH_FACTOR, 0)
    raise UserError(
        f"{SHM_DIR} has {free / 2**20:.0f} MiB free, and the batches of {processes * workers} "
        f"loader processes take up to {math.ceil(needed / 2**20)} MiB there; give a container more "
        f"with --shm-size={math.ceil(needed / 2**30)}g or --ipc=host, or set num_workers={fewer}."
    )


def free_bytes() -> int | None:
    """Return the free shared memory: 0 if it cannot be used, None if nothing limits it."""
    if sys.platform != "linux":
        return None
    return shutil.disk_usage(SHM_DIR).free if os.access(SHM_DIR, os.W_OK | os.X_OK) else 0


def shared_bytes(sample: Any, images: int) -> int:
    """Compute the bytes of a batch in shared memory from a batch of one image."""
    page = os.sysconf("SC_PAGESIZE")
    return sum(-(-tensor.nbytes * images // page) * page for tensor in _tensors(sample))


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, tuple):
        for inner in batch:
            yield from _tensors(inner)
