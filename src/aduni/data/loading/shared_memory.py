"""Room in shared memory for the batches that loader processes hand over.

A loader process of torch copies each tensor of a batch into a file of /dev/shm, whichever of its
two sharing strategies is set. Where the file does not fit, the batch is lost in one of the
process's threads, and the training waits for it.
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

SHARED = Path("/dev/shm")
"""Where Linux keeps it; on other systems no file system limits it."""

AHEAD = 2
"""Batches that each loader process prepares."""

HELD = 2
"""Batches that the trainer holds: the step's, and the one after it."""

LOCKS = 2**20
"""Bytes for the locks of a training process's queues, which take a page each."""


def check_loader(loader: DataLoader[Any], views: int, processes: int) -> None:
    """Check that the loader processes of a training can hand over their batches.

    Args:
        loader: of this process.
        views: of an image, at most, in any of the training's stages.
        processes: training processes on this machine.

    Raises:
        UserError: they cannot.
    """
    draws = loader.batch_sampler
    if not loader.num_workers or rank() % processes:
        return  # the first process of a machine speaks for all of them
    assert isinstance(draws, TrainingBatchSampler)
    dataset: Any = loader.dataset
    sample = dataset.__getitems__([draws.first])
    batch = shared_bytes(sample, -(-draws.largest // world_size()))
    check_room(-(-batch * views // dataset.views), loader.num_workers, processes)


def check_room(batch: int, workers: int, processes: int) -> None:
    """Check that there is room for batches; raises as `check_loader`.

    Args:
        batch: bytes of one.
        workers: loader processes of each training process.
        processes: training processes on this machine.
    """
    free = free_bytes()
    if free is None:
        return
    needed = processes * (batch * (AHEAD * workers + HELD) + LOCKS)
    if needed <= free:
        return
    fewer = max(((free // processes - LOCKS) // batch - HELD) // AHEAD, 0)
    raise UserError(
        f"{SHARED} has {free / 2**20:.0f} MiB free, and the batches of {processes * workers} "
        f"loader processes take up to {math.ceil(needed / 2**20)} MiB there; give a container more "
        f"with --shm-size={math.ceil(needed / 2**30)}g or --ipc=host, or set num_workers={fewer}."
    )


def free_bytes() -> int | None:
    """The free shared memory, 0 where it cannot be used; None where nothing limits it."""
    if sys.platform != "linux":
        return None
    return shutil.disk_usage(SHARED).free if os.access(SHARED, os.W_OK | os.X_OK) else 0


def shared_bytes(sample: Any, images: int) -> int:
    """The shared memory that a batch takes.

    Args:
        sample: a batch of one image: a named tuple of tensors, named tuples and None.
        images: of the batch.
    """
    page = os.sysconf("SC_PAGESIZE")
    return sum(-(-tensor.nbytes * images // page) * page for tensor in _tensors(sample))


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, tuple):
        for inner in batch:
            yield from _tensors(inner)
