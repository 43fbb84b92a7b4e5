"""From a sampler's batches to what this process loads."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler as TorchSampler

from aduni.data.loading.samplers import Ints, Sampler
from aduni.distributed.collectives import rank, world_size
from aduni.errors import UserError


class SampleIndex(NamedTuple):
    """One appearance of an image in an epoch.

    The epoch travels with it, since workers that outlive an epoch would not see it change.

    Attributes:
        row: of the image table.
        epoch: from 0.
        repeat: how often the image has appeared in this epoch before.
    """

    row: int
    epoch: int
    repeat: int


class TrainingBatchSampler(TorchSampler[list[SampleIndex]]):
    """This rank's share of each of a sampler's batches.

    Args:
        sampler: decides the batches.
        rows: (n,) table rows of the training part.
        labels: (n,) their classes.
        epochs: T, the stage's length.
        seed: of the run.
        batch_size: of all ranks together.
        first_epoch: where a resumed stage goes on. Loaders with workers ask for its first batches
            before the trainer tells the epoch.
        min_per_class: images of each class that every batch must hold.

    Attributes:
        first: a draw like all others.
        largest: images of the first epoch's largest batch, all ranks together.

    Raises:
        UserError: a batch of the first epoch holds fewer.
    """

    def __init__(
        self,
        sampler: Sampler,
        rows: Ints,
        labels: Ints,
        *,
        epochs: int,
        seed: int,
        batch_size: int,
        first_epoch: int = 0,
        min_per_class: int = 0,
    ) -> None:
        self._sampler, self._rows, self._labels = sampler, rows, labels
        self._epochs, self._seed, self._batch_size = epochs, seed, batch_size
        self._epoch = first_epoch
        batches = self._batches()
        self._length = len(batches)
        self.first = SampleIndex(int(rows[0]), first_epoch, 0)
        self.largest = max(len(batch) for batch in batches)
        self._check(batches, min_per_class)

    @property
    def sampler(self) -> "TrainingBatchSampler":
        """Lightning tells the epoch to a batch sampler's `sampler`, not to the batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        """This rank's share of each batch.

        Raises:
            UserError: a batch has fewer images than there are ranks.
        """
        batches = self._batches()
        smallest = min(len(batch) for batch in batches)
        if smallest < world_size():
            raise UserError(
                f"batch_size={self._batch_size} gives batches of {smallest} images to "
                f"{world_size()} processes; use a batch_size that gives {world_size()} or more, or "
                "fewer trainer.devices."
            )
        number = repeats(np.concatenate(batches))
        start = 0
        for batch in batches:
            own = slice(rank(), None, world_size())
            rows, counts = self._rows[batch], number[start : start + len(batch)]
            pairs = zip(rows[own].tolist(), counts[own].tolist(), strict=True)
            yield [SampleIndex(row, self._epoch, repeat) for row, repeat in pairs]
            start += len(batch)

    def _check(self, batches: list[Ints], least: int) -> None:
        classes = int(self._labels.max()) + 1
        for batch in batches if least else ():
            if np.bincount(self._labels[batch], minlength=classes).min() < least:
                raise UserError(
                    f"batch_size={self._batch_size} does not give this stage {least} images of "
                    f"each class in every batch; use batch_size={least * classes} or more, and a "
                    "sampler with equally many of each class (upsample) for this stage."
                )

    def _batches(self) -> list[Ints]:
        return self._sampler.batches(
            self._labels,
            epoch=self._epoch,
            epochs=self._epochs,
            seed=self._seed,
            batch_size=self._batch_size,
        )


class EvaluationBatchSampler(TorchSampler[list[int]]):
    """Every row once.

    Args:
        rows: (n,) table rows.
        batch_size: of each process.
        split: over all ranks together, without padding, which would count images twice; else
            every process that asks gets all rows.

    Raises:
        UserError: there are fewer rows to split than ranks.
    """

    def __init__(self, rows: Ints, batch_size: int, *, split: bool) -> None:
        if split and len(rows) < world_size():
            raise UserError(
                f"The part that selects the checkpoint has {len(rows)} images for {world_size()} "
                f"processes; use trainer.devices={len(rows)} or fewer."
            )
        self._batch_size = batch_size
        self._own: list[int] = (rows[rank() :: world_size()] if split else rows).tolist()

    def __len__(self) -> int:
        return -(-len(self._own) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self._own), self._batch_size):
            yield self._own[start : start + self._batch_size]


def repeats(positions: Ints) -> Ints:
    """How often each position occurred before: [5, 2, 5, 5] -> [0, 0, 1, 2]."""
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group_starts = np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    counts = np.empty_like(positions)
    counts[order] = np.arange(len(positions)) - group_starts
    return counts
