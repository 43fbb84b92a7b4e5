"""Measure speed and memory with 1, 4 and 16 times as many images, which should change neither."""

import sys
from functools import partial

import psutil

from benchmarks.children import TRAIN, peak_of_child
from benchmarks.composing import training_loader
from benchmarks.data_path import one_pass
from benchmarks.measure import MIB, Spread, alternate, cpu_clock, one_thread, rate, spread
from benchmarks.part import Bench, Row, Section

HELD_OUT = 8
"""One image in the validation part, and one in the test part, for so many training images."""


def measure(bench: Bench) -> Section:
    """Return a row for every multiple of the training images."""
    sizes = [multiple * bench.effort.growth_images for multiple in (1, 4, 16)]
    rates = _loader_rates(bench, sizes)
    peaks = [_peak(bench, images) for images in sizes]
    rows: list[Row] = [
        {
            "images": images,
            "map, MiB": (images + 2 * (images // HELD_OUT)) * 3 * bench.effort.image_size**2 / MIB,
            "data path, images/s": loader_rate,
            "own memory of train.py, MiB": own,
            "file pages, MiB": files,
        }
        for images, loader_rate, (own, files) in zip(sizes, rates, peaks, strict=True)
    ]
    notes = (
        f"{bench.effort.image_size} px on the CPU. Data path: whole epochs, one thread, CPU "
        "seconds. The losses see a batch and no data set.",
        "Memory: largest of a whole train.py in a process of its own, evaluation and "
        "predictions.csv included; the map's pages count as file pages.",
    )
    first, last = peaks[0][0], peaks[-1][0]
    figures = {"memory_growth": spread([last / first])} if first and last else {}
    return Section("Growth", rows, notes, figures)


def _loader_rates(bench: Bench, sizes: list[int]) -> list[Spread]:
    """Return images a second of whole passes, the data sets alternately."""
    loaders = {str(images): training_loader(_words(bench, images)) for images in sizes}
    calls = {name: partial(one_pass, *loader) for name, loader in loaders.items()}
    with one_thread():
        seconds = alternate(calls, min(bench.effort.rounds, 3), cpu_clock)
    return [rate(int(images), passed) for images, passed in seconds.items()]


def _peak(bench: Bench, images: int) -> tuple[float, float] | tuple[None, None]:
    """Measure without loader processes, whose pages would be others'."""
    if not psutil.LINUX:
        return None, None
    folder = f"hydra.run.dir={bench.scratch / f'run{images}'}"
    short = ("epochs=1", "sampler.epoch_length=6", "num_workers=0")
    return peak_of_child([sys.executable, str(TRAIN), *_words(bench, images), folder, *short])


def _words(bench: Bench, images: int) -> list[str]:
    return bench.synthetic(images, "trainer=cpu", held_out=images // HELD_OUT)
