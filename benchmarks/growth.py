"""Part (g): what 1x, 4x and 16x as many images change: speed should stay, memory too."""

import sys
from pathlib import Path

import torch

from aduni.config.build import build_data
from aduni.config.instantiate import build
from benchmarks.composing import TRAIN, settings_of, synthetic
from benchmarks.data_path import drain
from benchmarks.evaluation import evaluated
from benchmarks.measure import CPU, Spread, in_turns, one_thread, rate, ratio, spread
from benchmarks.memory import MIB, ProcessPeak, peak_of_child
from benchmarks.section import Bench, Row, Section
from benchmarks.step import alternated, efficiency

MULTIPLES = (1, 4, 16)
HELD_OUT = 8
"""One image in the validation part, and one in the test part, for so many training images."""


def measure_growth(bench: Bench) -> Section:
    """A row for every multiple of the training images."""
    effort = bench.effort
    rates = _loader_rates(bench)
    rows: list[Row] = []
    for multiple in MULTIPLES:
        images = multiple * effort.growth_images
        evaluation = _evaluation(bench, images // HELD_OUT)
        peak = _peak(bench, images)
        rows.append(
            {
                "images": images,
                "map, MiB": _rows_of_map(images) * 3 * effort.image_size**2 / MIB,
                "data path, images/s": rates[multiple],
                "step efficiency": _step(bench, images),
                "evaluation / bare": evaluation,
                "own memory of train.py, MiB": peak.own,
                "file pages, MiB": peak.files,
            }
        )
    notes = (
        f"{effort.image_size} px on the CPU. Data path: whole epochs, one thread, CPU seconds; "
        f"step: {effort.growth_epochs} epochs of {effort.growth_steps} steps; evaluation: a "
        f"part of 1/{HELD_OUT} of them; the losses see a batch and no data set (see the loss).",
        "Memory: largest RssAnon and RssFile of a whole train.py in a process of its own, "
        "evaluation and predictions.csv included; the map's pages count as file pages.",
    )
    return Section("Growth", rows, notes, _figures(rows))


def _figures(rows: list[Row]) -> dict[str, Spread]:
    first, last = rows[0]["own memory of train.py, MiB"], rows[-1]["own memory of train.py, MiB"]
    if not isinstance(first, float) or not isinstance(last, float):
        return {}
    return {"memory_growth": spread([last / first])}


def _rows_of_map(images: int) -> int:
    return images + 2 * (images // HELD_OUT)


def _given(bench: Bench, images: int, held_out: int) -> list[str]:
    effort = bench.effort
    return [
        *synthetic(
            bench.scratch / "cache",
            images=images,
            held_out=held_out,
            image_size=effort.image_size,
            batch_size=effort.batch_size,
        ),
        "trainer=cpu",
    ]


def _loader_rates(bench: Bench) -> dict[int, Spread]:
    """Images a second of whole passes, the data sets in turns."""
    calls, counts = {}, {}
    for multiple in MULTIPLES:
        images = multiple * bench.effort.growth_images
        data = build_data(
            settings_of([*_given(bench, images, images // HELD_OUT), "num_workers=0"])
        )
        data.prepare_data()
        data.begin_stage(build(settings_of(["dataset=isic2018"]).sampler), views=2, epochs=1)
        loader = data.train_dataloader()
        counts[str(multiple)] = len(loader) * bench.effort.batch_size
        calls[str(multiple)] = lambda loader=loader: drain(loader)
    with one_thread():
        seconds = in_turns(calls, min(bench.effort.turns, 3), CPU)
    return {int(name): rate(counts[name], passed) for name, passed in seconds.items()}


def _step(bench: Bench, images: int) -> Spread:
    effort = bench.effort
    watcher = alternated(
        bench.scratch / f"step{images}",
        images=images,
        steps=effort.growth_steps,
        bare_steps=effort.growth_steps,
        image_size=effort.image_size,
        batch_size=effort.batch_size,
        epochs=effort.growth_epochs,
    )
    return efficiency(watcher)


def _evaluation(bench: Bench, held_out: int) -> Spread:
    effort = bench.effort
    cpu = torch.device("cpu")
    seconds = evaluated(
        bench.scratch / "cache", held_out, effort.image_size, effort.batch_size, 2, cpu
    )
    return ratio(seconds["bare"], seconds["evaluation"])


def _peak(bench: Bench, images: int) -> ProcessPeak:
    """Without loader processes: their pages would be others'."""
    words = [
        *_given(bench, images, images // HELD_OUT),
        f"hydra.run.dir={bench.scratch / f'run{images}'}",
        f"sampler.epoch_length={bench.effort.growth_steps}",
        "epochs=1",
        "num_workers=0",
    ]
    return peak_of_child([sys.executable, str(Path(TRAIN)), *words])
