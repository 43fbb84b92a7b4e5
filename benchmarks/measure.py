"""Time of alternate calls, medians and ratios of pairs; peak memory of tensors."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.profiler import ProfilerActivity

MIB = 2**20

Clock = Callable[[], float]

cpu_clock: Clock = time.process_time
"""CPU seconds of this process, all threads: the load of other processes is not in it."""


def wall_clock() -> float:
    """Return seconds on the wall, when a GPU has finished what it was asked to do."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class Spread:
    """Median and quartiles (linearly interpolated) of repeated measurements, and their number."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles of at least one value."""
    low, median, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    return Spread(median, low, high, len(values))


def rate(amount: float, seconds: Sequence[float]) -> Spread:
    """Return the amount a second."""
    return spread([amount / value for value in seconds])


def ratio(values: Sequence[float], references: Sequence[float]) -> Spread:
    """Return each value over the reference of the same round; not the ratio of the medians."""
    return spread([value / other for value, other in zip(values, references, strict=True)])


def timed(call: Callable[[], Any], clock: Clock) -> float:
    """Return the seconds of one call."""
    start = clock()
    call()
    return clock() - start


def alternate(
    calls: Mapping[str, Callable[[], Any]], rounds: int, clock: Clock
) -> dict[str, list[float]]:
    """Time all calls in every round, so that a slow spell of a shared machine hits all of them.

    A first round is not counted.
    """
    seconds = [
        {name: timed(call, clock) for name, call in calls.items()} for _ in range(rounds + 1)
    ]
    return {name: [one[name] for one in seconds[1:]] for name in calls}


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch and OpenCV to one thread, so that results are those of one core."""
    torch_threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv_threads)


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """Return the most bytes of tensors alive at once during a call, beyond those before it.

    On a CPU from the allocator's own events, so that what a kernel allocates for itself is seen.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    cpu = [ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, profile_memory=True, acc_events=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        return sum_peak(json.loads(trace.read_text())["traceEvents"])


def sum_peak(events: list[dict[str, Any]]) -> int:
    """Sum allocations (positive) and their releases (negative) in the order of their numbers."""
    changes = [event["args"] for event in events if event.get("name") == "[memory]"]
    known: set[int] = set()
    now = peak = 0
    for change in sorted(changes, key=lambda change: change["Ev Idx"]):
        if change["Bytes"] > 0 or change["Addr"] in known:  # else it was allocated before
            now += change["Bytes"]
        known.add(change["Addr"])
        peak = max(peak, now)
    return peak
