"""Batch samplers that give each process its share of an epoch's batches."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler as TorchSampler

from aduni.data.loading.samplers import Balanced, Ints, Sampler
from aduni.distributed.collectives import rank, world_size
from aduni.errors import UserError


class SampleIndex(NamedTuple):
    """Image to load, with the numbers that its augmentation is seeded with.

    The epoch is part of it because workers that outlive an epoch would not see it change; `repeat`
    counts earlier appearances of the image in the epoch. `total` is the number of images in the
    batch, all ranks together.
    """

    row: int
    epoch: int
    repeat: int
    total: int = 1


class TrainingBatchSampler(TorchSampler[list[SampleIndex]]):
    """Batch sampler that yields this rank's share of each of a sampler's batches.

    Args:
        rows: (n,) table rows of the training part.
        labels: (n,) their classes.
        batch_size: images of a batch, all ranks together.
        first_epoch: epoch at which a resumed stage continues. Loaders with workers ask for its
            first batches before the trainer calls `set_epoch`.
        balanced_partners: whether as many images follow those of each batch, drawn with equal
            probabilities of the classes; they do not count in a batch's `total`.

    Attributes:
        first_index: an index of the first epoch, for measuring the size of a sample.
        largest_batch: images of the first epoch's largest batch, all ranks together.
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
        balanced_partners: bool = False,
    ) -> None:
        self._sampler, self._rows, self._labels = sampler, rows, labels
        self._epochs, self._seed, self._batch_size = epochs, seed, batch_size
        self._epoch, self._balanced_partners = first_epoch, balanced_partners
        batches = self._batches()
        self._length = len(batches)
        self.first_index = SampleIndex(int(rows[0]), first_epoch, 0)
        self.largest_batch = max(len(batch) for batch in batches) * (1 + balanced_partners)
        self._check_min_per_class(batches, min_per_class)

    @property
    def sampler(self) -> "TrainingBatchSampler":
        """Return itself: Lightning calls `set_epoch` on a batch sampler's `sampler`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; the trainer calls this before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        """Yield this rank's share of each batch; raise UserError if one would be empty."""
        batches = self._batches()
        smallest = min(len(batch) for batch in batches)
        if smallest < world_size():
            raise UserError(
                f"batch_size={self._batch_size} gives batches of {smallest} images to "
                f"{world_size()} processes; use a batch_size that gives {world_size()} or more, or "
                "fewer trainer.devices."
            )
        # Partners come last, so that the other images are augmented as they are without them.
        groups = batches + (self._partners(batches) if self._balanced_partners else [])
        ends = np.cumsum([len(group) for group in groups])[:-1]
        repeats = np.split(count_repeats(np.concatenate(groups)), ends)
        for number in range(len(batches)):
            parts = slice(number, None, len(batches))
            pairs = zip(groups[parts], repeats[parts], strict=True)
            yield [index for group, counts in pairs for index in self._share(group, counts)]

    def _share(self, group: Ints, repeats: Ints) -> list[SampleIndex]:
        """Return this rank's share of images that are drawn together."""
        share = slice(rank(), None, world_size())
        pairs = zip(self._rows[group[share]].tolist(), repeats[share].tolist(), strict=True)
        return [SampleIndex(row, self._epoch, repeat, len(group)) for row, repeat in pairs]

    def _partners(self, batches: list[Ints]) -> list[Ints]:
        """Draw as many images as each batch has, with equal probabilities of the classes."""
        rng = np.random.default_rng([self._seed, self._epoch, 1])  # the sampler's has no third
        ends = np.cumsum([len(batch) for batch in batches])
        draws = Balanced().draw(self._labels, int(ends[-1]), self._epoch, self._epochs, rng)
        return np.split(draws, ends[:-1])

    def _check_min_per_class(self, batches: list[Ints], minimum: int) -> None:
        classes = int(self._labels.max()) + 1
        for batch in batches if minimum else ():
            if np.bincount(self._labels[batch], minlength=classes).min() < minimum:
                raise UserError(
                    f"batch_size={self._batch_size} does not give this stage {minimum} images of "
                    f"each class in every batch; use batch_size={minimum * classes} or more, and "
                    "a sampler with equally many of each class (upsample) for this stage."
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
    """Batch sampler that yields every row once, in every process or divided among the ranks.

    The division is without padding, which would count images twice.
    """

    def __init__(self, rows: Ints, batch_size: int, *, split: bool) -> None:
        if split and len(rows) < world_size():
            raise UserError(
                f"The part that selects the checkpoint has {len(rows)} images for {world_size()} "
                f"processes; use trainer.devices={len(rows)} or fewer."
            )
        self._batch_size = batch_size
        self._share: list[int] = (rows[rank() :: world_size()] if split else rows).tolist()

    def __len__(self) -> int:
        return -(-len(self._share) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self._share), self._batch_size):
            yield self._share[start : start + self._batch_size]


def count_repeats(positions: Ints) -> Ints:
    """Count the earlier occurrences of each position: [5, 2, 5, 5] -> [0, 0, 1, 2]."""
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group_starts = np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    counts = np.empty_like(positions)
    counts[order] = np.arange(len(positions)) - group_starts
    return counts
