"""Images a second that a cache of resized images is built with."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from aduni.data.cache.image_cache import build_cache, open_rgb
from aduni.system.threads import usable_cpus
from benchmarks.measure import alternate, rate, wall_clock
from benchmarks.part import Bench, Row, Section
from benchmarks.synthetic import write_jpegs


def measure(bench: Bench) -> Section:
    """Return a row for every size."""
    files = write_jpegs(bench.scratch / "jpegs", bench.effort.pass_images)
    folders = (bench.scratch / f"cache{number}" for number in count())
    calls = {str(size): partial(_build, files, folders, size) for size in bench.effort.sizes}
    seconds = alternate(calls, bench.effort.rounds, wall_clock)
    rows: list[Row] = [
        {"px": int(size), "images": len(files), "images/s": rate(len(files), passed)}
        for size, passed in seconds.items()
    ]
    notes = (f"From JPEGs of 600 x 450 pixels, on {usable_cpus()} cores, seconds on the wall.",)
    return Section("Cache building", rows, notes)


def _build(files: list[Path], folders: Iterator[Path], size: int) -> None:
    names = [file.stem for file in files]
    build_cache(next(folders), names, lambda row: open_rgb(files[row]), size)
