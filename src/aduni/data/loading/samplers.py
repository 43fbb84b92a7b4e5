"""Samplers: the images of an epoch's batches as a function of (labels, epoch, seed).

Every process computes the same batches and takes its share of each in
`aduni.data.loading.batch_samplers`.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from aduni.errors import UserError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_EVEN_RATIO = 1.5
"""Imbalance ratio up to which resampling is not recommended."""
MAX_UPSAMPLING_RATIO = 100.0
"""Beyond it, up-sampling shows an image of the rarest class over a hundred times an epoch."""


class Sampler(ABC):
    """Base class of samplers, which compose the batches of an epoch.

    Args:
        epoch_length: maximum number of batches an epoch; None for the sampler's own length.
    """

    def __init__(self, epoch_length: PositiveInt | None = None) -> None:
        self.epoch_length = epoch_length

    def batches(
        self, labels: Ints, *, epoch: int, epochs: int, seed: int, batch_size: int
    ) -> list[Ints]:
        """Return the positions in `labels` that make up each batch of the epoch.

        Args:
            labels: (n,) classes of the training part.
            epochs: T, the stage's length.
            batch_size: images of a batch, all processes together.
        """
        if batch_size > len(labels):
            raise UserError(
                f"batch_size={batch_size} is larger than the training part; "
                f"use batch_size={len(labels)} or less."
            )
        rng = np.random.default_rng([seed, epoch])
        return self._draw(labels, epoch, epochs, batch_size, rng)[: self.epoch_length]

    @abstractmethod
    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        """Return the (C,) exact or expected class shares of the epoch from the (C,) counts."""

    @abstractmethod
    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        """Return all batches of the epoch."""


class InstanceBalanced(Sampler):
    """Draw every image once an epoch, shuffled, and drop the incomplete last batch.

    The paper's "w/o sampling".
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        return np.asarray(counts / counts.sum())

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        return _full_batches(rng.permutation(len(labels)), batch_size)


class Upsample(Sampler):
    """Put floor(B / C) images of each class into every batch, floor(n_max C / B) batches an epoch.

    A class's images come in random order, each once before any comes again, so that their counts
    in an epoch differ by at most one. This is the paper's up-sampling with the epoch length of the
    released code, whose batches, cut at B, do not stay aligned with the classes.
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        return np.full(len(counts), 1 / len(counts))

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        counts = np.bincount(labels)
        share = batch_size // len(counts)
        if share == 0:
            raise UserError(
                f"batch_size={batch_size} is smaller than the number of classes, which "
                f"sampler=upsample needs; use batch_size={len(counts)} or more."
            )
        length = max(counts.max() * len(counts) // batch_size, 1)
        columns = [
            _repeat_shuffled(positions, length * share, rng).reshape(length, -1)
            for positions in _positions_by_class(labels)
        ]
        return list(rng.permuted(np.concatenate(columns, axis=1), axis=1))


class ClassAware(Sampler):
    """Draw exactly n_max images of each class an epoch, n_max C in all, the classes in turn.

    Each round takes one image of every class, in a random order; a class's images come in random
    order, each once before any comes again. The epoch is divided into ceil(n_max C / B) batches of
    sizes that differ by at most one.

    Source: Kang et al. 2020, released code (`ClassAwareSampler`), which takes four images of a
    class in a row and goes on with its rounds from one epoch to the next.
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        return np.full(len(counts), 1 / len(counts))

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        classes = _positions_by_class(labels)
        total = max(map(len, classes)) * len(classes)
        ends = _batch_ends(total, batch_size)[: self.epoch_length]
        rounds = -(-int(ends[-1]) // len(classes))
        # Separate generators, so that a capped epoch is the beginning of the full one.
        order_rng, *class_rngs = rng.spawn(1 + len(classes))
        columns = [
            _repeat_shuffled(positions, rounds, class_rng)
            for positions, class_rng in zip(classes, class_rngs, strict=True)
        ]
        order = order_rng.permuted(np.stack(columns, axis=1), axis=1).ravel()
        return np.split(order[: ends[-1]], ends[:-1])


class ClassWeighted(Sampler):
    """Draw n images with replacement: a class by `frequencies`, then any image of it."""

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        draws = self.draw(labels, len(labels), epoch, epochs, rng)
        return _full_batches(draws, batch_size)

    def draw(
        self, labels: Ints, size: int, epoch: int, epochs: int, rng: np.random.Generator
    ) -> Ints:
        """Return so many positions in the (n,) labels, with replacement."""
        counts = np.bincount(labels)
        weights = (self.frequencies(counts, epoch, epochs) / counts)[labels]
        return rng.choice(len(labels), size=size, p=weights / weights.sum())


class SquareRoot(ClassWeighted):
    """Draw a class in proportion to the square root of its count (Mahajan et al. 2018)."""

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        roots: Floats = np.sqrt(counts)
        return np.asarray(roots / roots.sum())


class Progressive(ClassWeighted):
    """Shift from instance- to class-balanced: p_c = (1 - t/T) n_c/N + (t/T) / C, last epoch T.

    Source: Kang et al. 2020, equation 3 (the released code lags one epoch behind it).
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        progress = epoch / max(epochs - 1, 1)
        return np.asarray((1 - progress) * counts / counts.sum() + progress / len(counts))


class Balanced(ClassWeighted):
    """Draw every class with the same probability."""

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        return np.full(len(counts), 1 / len(counts))


def _full_batches(order: Ints, batch_size: int) -> list[Ints]:
    # Ranks need equal shares, and a small last batch would disturb batch norm's statistics.
    count = len(order) // batch_size
    return list(order[: count * batch_size].reshape(count, batch_size))


def _batch_ends(length: int, batch_size: int) -> Ints:
    """Divide `length` images into the fewest batches, with sizes that differ by at most one."""
    batches = -(-length // batch_size)
    sizes = np.full(batches, length // batches)
    sizes[: length % batches] += 1
    return sizes.cumsum()


def _positions_by_class(labels: Ints) -> list[Ints]:
    ends = np.bincount(labels).cumsum()
    return np.split(np.argsort(labels, kind="stable"), ends[:-1])


def _repeat_shuffled(positions: Ints, length: int, rng: np.random.Generator) -> Ints:
    """Return `length` positions: complete shuffles one after another."""
    rounds = -(-length // len(positions))
    return np.concatenate([rng.permutation(positions) for _ in range(rounds)])[:length]


def imbalance_ratio(counts: Ints) -> float:
    """Return the largest over the smallest non-zero count of (C,) images of each class."""
    present = counts[counts > 0]
    return float(present.max() / present.min())


def suggest_sampler(counts: Ints) -> tuple[str, str]:
    """Return an option of conf/sampler for (C,) class counts, and the reason as a short clause.

    Between the two limits it is the paper's best: in its table 2 AdUni with up-sampling leads on
    ISIC 2018 (ratio 58) and on APTOS 2019 (ratio 9).
    """
    ratio = imbalance_ratio(counts)
    if ratio <= MAX_EVEN_RATIO:
        return "none", "the classes are about even"
    if ratio <= MAX_UPSAMPLING_RATIO:
        return "upsample", "best in the paper's table 2, on data sets of ratio 9 and 58"
    return "sqrt", f"up-sampling would show each image of the rarest class {ratio:.0f} times"
