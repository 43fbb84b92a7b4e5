"""Samplers of imbalanced data, and a batch sampler for torch's data loader that uses them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler as TorchSampler

from aduni.data.loading.batch_samplers import TrainingBatchSampler
from aduni.data.loading.samplers import (
    Balanced,
    ClassAware,
    InstanceBalanced,
    Progressive,
    Sampler,
    SquareRoot,
    Upsample,
)
from aduni.errors import UserError

__all__ = [
    "Balanced",
    "BatchSampler",
    "ClassAware",
    "InstanceBalanced",
    "Progressive",
    "Sampler",
    "SquareRoot",
    "Upsample",
]


class BatchSampler(TorchSampler[list[int]]):
    """Batch sampler for `DataLoader(dataset, batch_sampler=...)`.

    The batches are a function of labels, seed and epoch. With torch.distributed each process gets
    its share of every batch.

    Args:
        sampler: how batches are composed, such as `Upsample()`.
        labels: (n,) class numbers of the data set's rows, 0 to C - 1.
        batch_size: images of a batch, all processes together.
        epochs: T, over which `Progressive` changes.
        seed: seed of the order.

    Raises:
        UserError: if a class has no row, or the batches cannot be composed.
    """

    def __init__(
        self, sampler: Sampler, labels: Any, batch_size: int, *, epochs: int = 1, seed: int = 0
    ) -> None:
        if not isinstance(sampler, Sampler):
            raise UserError(f"sampler is {sampler!r}; give a sampler, as Upsample() is.")
        numbers = np.asarray(labels, dtype=np.int64)
        counts = np.bincount(numbers)
        if missing := np.flatnonzero(counts == 0).tolist():
            raise UserError(
                f"No label is {missing[0]}; give the classes the numbers 0 to "
                f"{len(counts) - len(missing) - 1}."
            )
        self._batches = TrainingBatchSampler(
            sampler,
            np.arange(len(numbers)),
            numbers,
            epochs=epochs,
            seed=seed,
            batch_size=batch_size,
        )

    @property
    def sampler(self) -> "BatchSampler":
        """Return itself: Lightning calls `set_epoch` on a batch sampler's `sampler`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, 0 to T - 1, of the next iteration."""
        self._batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the rows of each batch of the epoch."""
        for batch in self._batches:
            yield [index.row for index in batch]
