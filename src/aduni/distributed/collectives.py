"""What a method needs of other processes; every function is the identity in a single one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


def rank() -> int:
    """This process's number, 0 in a single process."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def seed_torch(*entropy: int) -> None:
    """Start torch's random numbers anew, on each rank with others (dropout, mixup).

    Args:
        entropy: what the numbers are to depend on, such as seed and epoch.
    """
    sequence = np.random.SeedSequence([*entropy, rank()])
    torch.manual_seed(int(sequence.generate_state(1)[0]))


def gather(local: Tensor) -> Tensor:
    """Join the ranks' rows, in rank order, with exact gradients.

    The backward pass adds up what every rank's loss says about the rows of this rank. With each
    rank's loss scaled by `global_mean`, DDP's averaged gradient is that of one process on the
    joined batch.

    Args:
        local: (n, ...), n may differ from rank to rank.

    Returns:
        (sum of n, ...).
    """
    if world_size() == 1:
        return local
    joined: Tensor = _Gather.apply(local, row_counts(local))
    return joined


def row_counts(local: Tensor) -> list[int]:
    """How many rows each rank holds."""
    if world_size() == 1:
        return [len(local)]
    counts = torch.zeros(world_size(), dtype=torch.int64, device=local.device)
    counts[rank()] = len(local)
    dist.all_reduce(counts)
    return counts.tolist()


def global_mean(per_anchor: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over all ranks' anchors, as a loss whose DDP-averaged gradient is exact.

    The value is this rank's share times the number of ranks; the mean of it over the ranks is the
    global mean.

    Args:
        per_anchor: (n,) losses of this rank's anchors.
        weights: (n,) of a weighted mean, which divides by their sum; None for equal ones.
    """
    if weights is None:
        counts = row_counts(per_anchor)
        return per_anchor.sum() * (len(counts) / sum(counts))
    total = weights.detach().sum()
    if world_size() > 1:
        dist.all_reduce(total)
    return (per_anchor * weights).sum() * world_size() / total


def mean_over_ranks(values: Sequence[float]) -> list[float]:
    """Of each number; the device is waited for, so this is for the end of an epoch."""
    numbers = torch.tensor(values, dtype=torch.float64)
    if world_size() > 1:
        numbers = numbers.to("cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(numbers)
    return [number / world_size() for number in numbers.tolist()]


def of_first_rank(values: Tensor) -> Tensor:
    """The first rank's values on all ranks, for draws that all must share."""
    if world_size() > 1:
        dist.broadcast(values, 0)
    return values


def apply_in_shuffled_shares(function: Callable[[Tensor], Tensor], local: Tensor) -> Tensor:
    """Apply a function of batches to all ranks' rows, each rank taking a random share of them.

    Batch norm in the function then tells nothing of who stood beside whom on a rank. In a single
    process it is a plain call.

    Source: He et al. 2020, section 3.3 (shuffling batch norm).

    Args:
        function: (n, ...) -> (n, D), without gradients.
        local: (n, ...) this rank's rows.

    Returns:
        (sum of n, D) of all ranks' rows, in rank order.
    """
    if world_size() == 1:
        return function(local)
    rows = gather(local)
    order = of_first_rank(torch.randperm(len(rows), device=rows.device))
    shares = [order[each :: world_size()] for each in range(world_size())]
    outputs = gather(function(rows[shares[rank()]]))
    placed = torch.empty_like(outputs)
    placed[torch.cat(shares)] = outputs
    return placed


class _Gather(torch.autograd.Function):
    # torch.distributed.nn.all_gather takes another code path on NCCL (reduce_scatter); all_reduce
    # runs the same one on gloo and NCCL.

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
