"""Repeated timings in turns, their median and quartiles, and ratios of pairs."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

Clock = Callable[[], float]

WALL: Clock = time.perf_counter
"""Seconds on the wall: the figure wherever several processes or a device work together."""

CPU: Clock = time.process_time
"""CPU seconds of this process, all threads added: other people's load is not in it."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements.

    Attributes:
        median: of all.
        low: first quartile, linearly interpolated.
        high: third quartile.
        count: how many there were.
    """

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of at least one value."""
    low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return Spread(median, low, high, len(values))


def rate(amount: float, seconds: Sequence[float]) -> Spread:
    """Amount a second."""
    return spread([amount / value for value in seconds])


def ratio(values: Sequence[float], references: Sequence[float]) -> Spread:
    """Each value over the reference of the same turn; not the ratio of the medians.

    Raises:
        ValueError: the sequences differ in length.
    """
    return spread([value / other for value, other in zip(values, references, strict=True)])


def in_turns(
    calls: Mapping[str, Callable[[], Any]],
    turns: int,
    clock: Clock,
    device: torch.device | None = None,
) -> dict[str, list[float]]:
    """Seconds of every call in every turn: A B C, A B C, ..., after one turn that is not counted.

    A slow spell of a shared machine so hits all of them.

    Args:
        calls: what to time, by name.
        turns: how often each is timed.
        clock: WALL or CPU.
        device: a GPU is waited for before the clock is read.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            passed = timed(call, clock, device)
            if turn > 0:
                seconds[name].append(passed)
    return seconds


def timed(call: Callable[[], Any], clock: Clock, device: torch.device | None = None) -> float:
    """Seconds of one call, until the device has finished it."""
    wait_for(device)
    start = clock()
    call()
    wait_for(device)
    return clock() - start


def wait_for(device: torch.device | None) -> None:
    """Until a GPU has done what was asked of it; nothing to wait for on a CPU."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


def clock_for(device: torch.device) -> Clock:
    """For work of one thread: a GPU works beside the process, whose CPU clock does not see it."""
    return CPU if device.type == "cpu" else WALL


@contextmanager
def _one_thread() -> Any:
    torch_threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv_threads)


def one_thread() -> AbstractContextManager[None]:
    """torch and opencv keep to one thread, so that figures are those of one core."""
    return _one_thread()
