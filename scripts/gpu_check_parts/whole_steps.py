"""A profile of ten whole steps: which operations take the device's time, and what share idles."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.measure import timed, wall_clock
from benchmarks.part import Row, Section
from gpu_check_parts.size import Size
from gpu_check_parts.workload import Workload, cudnn_benchmark, report

LISTED = 25


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Return the most expensive operations; write gpu_profile.txt with all of them."""
    work = Workload(size)
    with cudnn_benchmark(True):
        for _ in range(1 if size.is_small else 3):
            work.whole()
        wall = timed(lambda: _repeat(work), wall_clock)
        with profile(activities=_activities(size), acc_events=True) as profiler:
            _repeat(work)
            wall_clock()  # waits for the device
    averages: Any = profiler.key_averages()
    own = f"self_{'device' if size.device == 'cuda' else 'cpu'}_time_total"
    table = averages.table(own, row_limit=100, max_name_column_width=72)
    (folder / "gpu_profile.txt").write_text(table + "\n")
    busiest = sorted(averages, key=lambda event: getattr(event, own), reverse=True)
    rows = [_row(event, getattr(event, own), size.steps) for event in busiest[:LISTED]]
    notes = _notes(profiler.events(), wall, size.steps)
    return report(Section(f"Profile of {size.steps} whole steps", rows, notes))


def _repeat(work: Workload) -> None:
    for _ in range(work.size.steps):
        work.whole()


def _activities(size: Size) -> list[ProfilerActivity]:
    gpu = [ProfilerActivity.CUDA] if size.device == "cuda" else []
    return [ProfilerActivity.CPU, *gpu]


def _row(event: Any, microseconds: float, steps: int) -> Row:
    return {
        "operation": str(event.key)[:72].replace("|", "/"),
        "calls a step": event.count / steps,
        "ms a step": microseconds / 1000 / steps,
    }


def _notes(events: Iterable[Any], wall: float, steps: int) -> tuple[str, ...]:
    """Count kernels and copies, and compare their time with the wall's without a profiler."""
    on_gpu = (event for event in events if event.device_type.name == "CUDA")
    device = [event for event in on_gpu if not event.is_user_annotation]
    busy = sum(event.time_range.elapsed_us() for event in device) / 1e6
    per_step = 1000 / steps
    first = f"A step takes {wall * per_step:.2f} ms on the wall, with cudnn.benchmark"
    if not device:
        return (f"{first}.",)
    return (
        f"{first}; {len(device) / steps:.0f} kernels and copies take {busy * per_step:.2f} ms of "
        f"the GPU, {busy / wall:.0%} of the wall.",
    )
