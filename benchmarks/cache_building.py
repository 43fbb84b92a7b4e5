"""Part (f): images a second that a cache of resized images is built with."""

from pathlib import Path

from aduni.data.cache.image_cache import build_cache, open_rgb, usable_cpus
from benchmarks.measure import WALL, in_turns, rate
from benchmarks.pictures import write_jpegs
from benchmarks.section import Bench, Row, Section


class _Building:
    """Every call builds another cache."""

    def __init__(self, files: list[Path], folder: Path, size: int) -> None:
        self._files, self._folder, self._size = files, folder, size
        self._built = 0

    def __call__(self) -> None:
        folder = self._folder / f"{self._size}px-{self._built}"
        names = [file.stem for file in self._files]
        build_cache(folder, names, lambda row: open_rgb(self._files[row]), self._size)
        self._built += 1


def measure_cache(bench: Bench) -> Section:
    """A row for every size."""
    files = write_jpegs(bench.scratch / "jpegs", bench.effort.jpegs)
    calls = {
        str(size): _Building(files, bench.scratch / "caches", size) for size in bench.effort.sizes
    }
    seconds = in_turns(calls, bench.effort.turns, WALL)
    rows: list[Row] = [
        {"px": int(size), "images": len(files), "images/s": rate(len(files), passed)}
        for size, passed in seconds.items()
    ]
    notes = (f"From JPEGs of 600 x 450 pixels, on {usable_cpus()} cores, seconds on the wall.",)
    return Section("Cache building", rows, notes)
