"""Images a second that a cache of resized images is built with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from aduni.data.cache.image_cache import build_cache, open_rgb
from aduni.system.threads import usable_cpus
from benchmarks.measure import alternate, rate, wall_clock
from benchmarks.part import Bench, Row, Section
from benchmarks.synthetic import write_jpegs


def measure(bench: Bench) -> Section:
    """Return a row for every size, on one core and on all."""
    files = write_jpegs(bench.scratch / "jpegs", bench.effort.pass_images)
    folders = (bench.scratch / f"cache{number}" for number in count())
    numbers = sorted({1, usable_cpus()})
    calls = {
        f"{size} {cores}": partial(_build, files, folders, size, cores)
        for size in bench.effort.sizes
        for cores in numbers
    }
    seconds = alternate(calls, bench.effort.rounds, wall_clock)
    rows: list[Row] = []
    for name, passed in seconds.items():
        size, cores = map(int, name.split())
        of_all = rate(len(files), passed)
        of_one = rate(len(files) / cores, passed)
        row = {"px": size, "cores": cores, "images": len(files)}
        rows.append({**row, "images/s": of_all, "images/s per core": of_one})
    notes = ("From JPEGs of 600 x 450 pixels, seconds on the wall.",)
    return Section("Cache building", rows, notes)


def _build(files: list[Path], folders: Iterator[Path], size: int, cores: int) -> None:
    names = [file.stem for file in files]
    with _only(cores):
        build_cache(next(folders), names, lambda row: open_rgb(files[row]), size)


@contextmanager
def _only(cores: int) -> Iterator[None]:
    """Let this process use so many of its cores, where the system can tell (not on macOS)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
