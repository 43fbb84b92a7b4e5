"""Images a second and core, by stage and whole, beside the released loader."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aduni.config.instantiate import build
from aduni.data.image_data import ImageData
from aduni.models.encoder import Encoder
from aduni.reproduce.planning import settings_of
from benchmarks.composing import training_loader
from benchmarks.measure import alternate, cpu_clock, one_thread, rate, ratio, wall_clock
from benchmarks.part import Bench, Row, Section, devices
from benchmarks.released_loader import released_loader
from benchmarks.synthetic import write_jpegs

CPU = torch.device("cpu")

RELEASED, NORMALISED = "released loader, from JPEG", "whole, from the cache, normalised"

WARP = slice(None, -1)
"""The last transform of ISIC 2018's recipe changes colours, those before it move pixels."""


def measure(bench: Bench) -> Section:
    """Return rows of stages and of the whole for every size."""
    files = write_jpegs(bench.scratch / "jpegs", bench.effort.pass_images)
    rows: list[Row] = []
    figures = {}
    for size in bench.effort.sizes:
        with one_thread():
            seconds = alternate(_calls(bench, files, size), bench.effort.rounds, cpu_clock)
        rows += _rows(seconds, size, len(files))
        figures[f"data_path_{size}"] = ratio(seconds[RELEASED], seconds[NORMALISED])
        for device in devices()[1:]:
            rows += gpu_rows(bench, size, device)
    notes = (
        f"Two views of {len(files)} images a pass, batches of {bench.effort.batch_size}, one "
        "thread, CPU seconds; JPEGs of 600 x 450 pixels. On a GPU, seconds on the wall, "
        f"{bench.effort.gpu_pass_images} images in batches of {bench.effort.gpu_batch_size}.",
        "The released loader ends in normalised floats, this one in bytes, which the encoder "
        "normalises by whole batches; the targets ask for the row with normalising.",
    )
    return Section("Data path, images/s per core", rows, notes, figures)


def _calls(bench: Bench, files: list[Path], size: int) -> dict[str, Callable[[], Any]]:
    words = bench.synthetic(len(files), f"dataset.image_size={size}", "trainer=cpu")
    encoder: Encoder = build(settings_of(words).encoder)
    data, loader = training_loader(words)
    on_batches = training_loader([*words, "augment=gpu"])
    released = released_loader(files, size, bench.effort.batch_size)
    return {
        RELEASED: partial(list, released),
        "read, seed, batch": partial(one_pass, *training_loader(words, slice(0))),
        "the same and warp": partial(one_pass, *training_loader(words, WARP)),
        "whole, from the cache, bytes": partial(one_pass, data, loader),
        NORMALISED: partial(one_pass, data, loader, encoder=encoder),
        "whole, augment=gpu on the CPU": partial(one_pass, *on_batches),
    }


def one_pass(
    data: ImageData,
    batches: Iterable[Any],
    device: torch.device = CPU,
    encoder: Encoder | None = None,
) -> None:
    """Pass once, with what is done to a batch on its way to the device or into the backbone."""
    for batch in batches:
        sent = data.module.transfer_batch_to_device(batch, device, 0)
        whole = data.module.on_after_batch_transfer(sent, 0)
        if encoder is not None:
            encoder.normalised(whole.views.flatten(0, 1))


def _rows(seconds: dict[str, list[float]], size: int, count: int) -> list[Row]:
    released = seconds.get(RELEASED)
    return [
        {
            "px": size,
            "stage": stage,
            "images/s": rate(count, passed),
            "ms an image": 1000 * float(np.median(passed)) / count,
            "released / this": ratio(released, passed) if released else None,
        }
        for stage, passed in seconds.items()
    ]


def gpu_rows(bench: Bench, size: int, device: torch.device) -> list[Row]:
    """Measure whole passes with views made on a device, from images that are there or sent."""
    effort, calls = bench.effort, {}
    count, batch = effort.gpu_pass_images, effort.gpu_batch_size
    for what, choice in (("kept there", "auto"), ("sent", "false")):
        further = (f"dataset.image_size={size}", f"batch_size={batch}")
        words = bench.synthetic(count, *further, "augment=gpu", f"data_on_gpu={choice}")
        data, loader = training_loader(words)
        # This puts the images there, if they are kept.
        list(data.module.evaluation_batches(data.rows("test"), device))
        name = f"whole, augment=gpu on {device.type}, images {what}"
        calls[name] = partial(one_pass, data, loader, device)
    return _rows(alternate(calls, bench.effort.rounds, wall_clock), size, count)
