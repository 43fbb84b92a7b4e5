"""Collective operations of training processes; all work without change in a single process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

_batch_total: ContextVar[int | None] = ContextVar("batch_total", default=None)


def rank() -> int:
    """Return the number of this process, 0 in a single process."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def seed_torch(*entropy: int) -> None:
    """Seed torch's random numbers (dropout, mixup) differently on each rank."""
    sequence = np.random.SeedSequence([*entropy, rank()])
    torch.manual_seed(int(sequence.generate_state(1)[0]))


def gather(local: Tensor) -> Tensor:
    """Concatenate the rows of all ranks, in rank order, with exact gradients.

    The backward pass sums the gradients of all ranks' losses with respect to this rank's rows. If
    each rank's loss is scaled by `global_mean`, the gradient that DDP averages is that of one
    process on the joined batch.

    Args:
        local: (n, ...) rows of this rank; n may differ from rank to rank.

    Returns:
        (sum of n, ...).
    """
    if world_size() == 1:
        return local
    joined: Tensor = _Gather.apply(local, row_counts(local))
    return joined


@contextmanager
def divided_batch(total: int | None) -> Iterator[None]:
    """Tell the collectives in the block how many images the batch has on all ranks together.

    Then they know the rows of each rank without asking, which would wait for the device.
    """
    token = _batch_total.set(total)
    try:
        yield
    finally:
        _batch_total.reset(token)


def row_counts(local: Tensor) -> list[int]:
    """Return the number of rows of each rank, with equally many rows for each image of a batch.

    Outside of `divided_batch` the ranks tell each other.
    """
    if world_size() == 1:
        return [len(local)]
    if (total := _batch_total.get()) is not None:
        shares = [len(range(number, total, world_size())) for number in range(world_size())]
        return [len(local) // shares[rank()] * share for share in shares]
    counts = torch.zeros(world_size(), dtype=torch.int64, device=local.device)
    counts[rank()] = len(local)
    dist.all_reduce(counts)
    return counts.tolist()


def global_mean(per_anchor: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return this rank's part of the mean over all anchors, so that DDP's gradient is exact.

    The value is this rank's part of the global mean times the number of ranks; its mean over the
    ranks is the global mean.

    Args:
        per_anchor: (n,) losses of this rank's anchors.
        weights: (n,) weights, by whose sum over all ranks the mean divides; None for equal ones.
    """
    if weights is None:
        counts = row_counts(per_anchor)
        return per_anchor.sum() * (len(counts) / sum(counts))
    total = weights.detach().sum()
    if world_size() > 1:
        dist.all_reduce(total)
    return (per_anchor * weights).sum() * world_size() / total


def mean_over_ranks(values: Sequence[float]) -> list[float]:
    """Average each value over all ranks. Synchronises with the device: call once an epoch."""
    numbers = torch.tensor(values, dtype=torch.float64)
    if world_size() > 1:
        numbers = numbers.to("cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(numbers)
    return [number / world_size() for number in numbers.tolist()]


def broadcast(values: Tensor) -> Tensor:
    """Overwrite the values by those of the first rank, so that all ranks use the same draws."""
    if world_size() > 1:
        dist.broadcast(values, 0)
    return values


def apply_in_shuffled_shares(function: Callable[[Tensor], Tensor], local: Tensor) -> Tensor:
    """Apply a function of batches to the rows of all ranks, shuffled across the ranks.

    Batch norm in the function then reveals nothing about which samples shared a rank. A single
    process calls the function without shuffling.

    Source: He et al. 2020, section 3.3 (shuffling batch norm).

    Args:
        function: function from (n, ...) to (n, D), without gradients.
        local: (n, ...) rows of this rank.

    Returns:
        (sum of n, D) results for the rows of all ranks, in rank order.
    """
    if world_size() == 1:
        return function(local)
    rows = gather(local)
    order = broadcast(torch.randperm(len(rows), device=rows.device))
    shares = [order[start :: world_size()] for start in range(world_size())]
    shuffled = gather(function(rows[shares[rank()]]))
    outputs = torch.empty_like(shuffled)
    outputs[torch.cat(shares)] = shuffled
    return outputs


class _Gather(torch.autograd.Function):
    # torch.distributed.nn.all_gather uses reduce_scatter on NCCL only; all_reduce takes the same
    # path on gloo and NCCL.

    @staticmethod
    def forward(ctx: Any, local: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        padded = local.new_zeros(max(counts), *local.shape[1:])
        padded[: len(local)] = local
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (total,) = (gradient.contiguous() for gradient in gradients)
        dist.all_reduce(total)
        start = sum(ctx.counts[: rank()])
        return total[start : start + ctx.counts[rank()]], None
