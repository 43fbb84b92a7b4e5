"""Which images make up an epoch's batches: pure functions of (labels, epoch, seed).

Every process computes the same batches and takes its own share of each (see
`aduni.data.loading.batch_samplers`).
A sampler's `frequencies` are the class shares that its batches have, exactly or in expectation.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from aduni.errors import UserError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Sampler(ABC):
    """Order of a training part.

    Args:
        epoch_length: at most so many batches an epoch; None for the sampler's own length.
    """

    def __init__(self, epoch_length: PositiveInt | None = None) -> None:
        self.epoch_length = epoch_length

    def batches(
        self, labels: Ints, *, epoch: int, epochs: int, seed: int, batch_size: int
    ) -> list[Ints]:
        """Positions in `labels` of each batch of the epoch.

        Args:
            labels: (n,) classes of the training part.
            epoch: from 0.
            epochs: T, the stage's length.
            seed: of the run.
            batch_size: of all processes together.

        Raises:
            UserError: where the batch size does not suit the training part.
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
        """(C,) class shares of the epoch's images, given the (C,) counts."""

    @abstractmethod
    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        """All batches of the epoch."""


class InstanceBalanced(Sampler):
    """Every image once an epoch, shuffled; the incomplete last batch is dropped.

    The paper's "w/o sampling".
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        shares: Floats = counts / counts.sum()
        return shares

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        return _cut(rng.permutation(len(labels)), batch_size)


class Upsample(Sampler):
    """floor(B / C) images of each class in every batch; floor(n_max C / B) batches an epoch.

    A class's images come in random order, each once before any comes again, so that their counts
    in an epoch differ by at most one. The paper's up-sampling, with the released code's epoch
    length; that code's own batches, cut at B, drift off the class grid.
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
            _repeat_shuffled(members, length * share, rng).reshape(length, -1)
            for members in _members(labels)
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
        classes = _members(labels)
        whole = max(len(members) for members in classes) * len(classes)
        ends = _even_ends(whole, batch_size)[: self.epoch_length]
        rounds = -(-int(ends[-1]) // len(classes))
        # Own generators: what a cap leaves out is not drawn, and changes nothing before it.
        turns, *cycles = rng.spawn(1 + len(classes))
        columns = [
            _repeat_shuffled(members, rounds, cycle)
            for members, cycle in zip(classes, cycles, strict=True)
        ]
        order = turns.permuted(np.stack(columns, axis=1), axis=1).ravel()
        return np.split(order[: ends[-1]], ends[:-1])


class ClassWeighted(Sampler):
    """As many draws as images, with replacement: a class by `frequencies`, then any image of it."""

    def _draw(
        self, labels: Ints, epoch: int, epochs: int, batch_size: int, rng: np.random.Generator
    ) -> list[Ints]:
        counts = np.bincount(labels)
        weights = (self.frequencies(counts, epoch, epochs) / counts)[labels]
        draws = rng.choice(len(labels), size=len(labels), p=weights / weights.sum())
        return _cut(draws, batch_size)


class SquareRoot(ClassWeighted):
    """Class probability proportional to the square root of its count (Mahajan et al. 2018)."""

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        roots: Floats = np.sqrt(counts)
        shares: Floats = roots / roots.sum()
        return shares


class Progressive(ClassWeighted):
    """From instance- to class-balanced: p_c = (1 - t/T) n_c/N + (t/T) / C, T the last epoch.

    Source: Kang et al. 2020, equation 3 (the released code lags one epoch behind it).
    """

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        progress = epoch / max(epochs - 1, 1)
        shares: Floats = (1 - progress) * counts / counts.sum() + progress / len(counts)
        return shares


class Balanced(ClassWeighted):
    """Every class equally likely."""

    def frequencies(self, counts: Ints, epoch: int, epochs: int) -> Floats:
        return np.full(len(counts), 1 / len(counts))


def _cut(order: Ints, batch_size: int) -> list[Ints]:
    """Whole batches only: ranks need equal shares, and batch norm dislikes scraps."""
    whole = len(order) // batch_size
    return list(order[: whole * batch_size].reshape(whole, batch_size))


def _even_ends(length: int, batch_size: int) -> Ints:
    """Where each of as few batches as there can be ends, if their sizes differ by at most one."""
    batches = -(-length // batch_size)
    sizes = np.full(batches, length // batches)
    sizes[: length % batches] += 1
    return sizes.cumsum()


def _members(labels: Ints) -> list[Ints]:
    """Positions of each class, in rising order."""
    ends = np.bincount(labels).cumsum()
    return np.split(np.argsort(labels, kind="stable"), ends[:-1])


def _repeat_shuffled(members: Ints, length: int, rng: np.random.Generator) -> Ints:
    """`length` members: whole shuffles one after another."""
    rounds = -(-length // len(members))
    return np.concatenate([rng.permutation(members) for _ in range(rounds)])[:length]
