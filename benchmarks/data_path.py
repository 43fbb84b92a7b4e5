"""Part (a): images a second and core, by stage and whole, beside the released loader."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning import LightningDataModule

from aduni.config.build import build_data
from aduni.config.instantiate import build
from aduni.data.cache.image_cache import open_rgb
from aduni.data.module import ImageDataModule
from aduni.models.encoder import Encoder
from benchmarks.composing import settings_of, synthetic
from benchmarks.measure import CPU, in_turns, one_thread, rate, ratio
from benchmarks.on_gpu import gpu_rows
from benchmarks.pictures import write_jpegs
from benchmarks.released_loader import released_loader
from benchmarks.section import Bench, Row, Section, devices

WARP = slice(None, -1)
"""The last transform of ISIC 2018's recipe changes colours, those before it move pixels."""


def measure_data_path(bench: Bench) -> Section:
    """Rows of stages and of the whole for every size."""
    files = write_jpegs(bench.scratch / "jpegs", bench.effort.jpegs)
    rows: list[Row] = []
    figures = {}
    with one_thread():
        for size in bench.effort.sizes:
            seconds = in_turns(_calls(bench, files, size), bench.effort.turns, CPU)
            count = bench.effort.pass_images
            rows += _rows(seconds, size, count)
            figures[f"data_path_{size}"] = ratio(seconds["released loader"], seconds["normalised"])
    for device in devices()[1:]:
        for size in bench.effort.sizes:
            rows += gpu_rows(bench, size, device)
    notes = (
        f"Two views of {bench.effort.pass_images} images a pass, batches of "
        f"{bench.effort.loader_batch}, one thread, CPU seconds; JPEGs of 600 x 450 pixels, "
        f"{np.mean([file.stat().st_size for file in files]) / 1024:.0f} KiB each.",
        "warp and colours are differences between whole loaders with and without them; the loader "
        "reads from the cache, and everything after decode and resize is for two views.",
        "The released loader ends in normalised floats, this one in bytes, a quarter of what "
        "travels between processes; the encoder normalises whole batches. The targets are held "
        "against the row with normalising.",
    )
    return Section("Data path, images/s per core", rows, notes, figures)


def _calls(bench: Bench, files: list[Path], size: int) -> dict[str, Callable[[], Any]]:
    count, batch = bench.effort.pass_images, bench.effort.loader_batch
    chosen = [files[number % len(files)] for number in range(count)]
    pictures = [open_rgb(file) for file in chosen[:16]]
    make = partial(_loader, bench.scratch / "cache", size, count, batch)
    pixels = make(slice(None))[0].cache.pixels
    return {
        "released loader": partial(drain, released_loader(chosen, size, batch)),
        "loader": partial(_pass, *make(slice(None))),
        "normalised": partial(_pass, *make(slice(None)), _encoder(size)),
        "no colours": partial(_pass, *make(WARP)),
        "no augmentation": partial(_pass, *make(slice(0))),
        "loader, augment=gpu": partial(_pass, *make(slice(None), "augment=gpu")),
        "decode": lambda: [open_rgb(file) for file in chosen],
        "resize": lambda: [_resize(pictures[i % len(pictures)], size) for i in range(count)],
        "map read": lambda: [np.array(pixels[row]) for row in range(count)],
    }


def _loader(
    cache: Path, size: int, images: int, batch: int, kept: slice, *overrides: str
) -> tuple[ImageDataModule, Iterable[Any]]:
    """A data set with its training loader; the `kept` transforms remain."""
    given = synthetic(cache, images=images, held_out=14, image_size=size, batch_size=batch)
    settings = settings_of([*given, "num_workers=0", "trainer=cpu", *overrides])
    settings.dataset["augment"] = settings.dataset["augment"][kept]
    data = build_data(settings)
    data.prepare_data()
    data.begin_stage(build(settings.sampler), views=2, epochs=1)
    return data, data.train_dataloader()


def drain(batches: Iterable[Any]) -> None:
    """One pass."""
    for _ in batches:
        pass


def _encoder(size: int) -> Encoder:
    encoder: Encoder = build(
        settings_of(["dataset=isic2018", f"dataset.image_size={size}"]).encoder
    )
    return encoder


def _pass(
    data: LightningDataModule, batches: Iterable[Any], encoder: Encoder | None = None
) -> None:
    """One pass, with what is done to a batch on its way into the encoder's backbone."""
    for batch in batches:
        whole = data.on_after_batch_transfer(data.on_before_batch_transfer(batch, 0), 0)
        if encoder is not None:
            encoder.normalised(whole.views.flatten(0, 1))


def _resize(picture: Image.Image, size: int) -> Image.Image:
    return picture.resize((size, size), Image.Resampling.BILINEAR)


def _rows(seconds: dict[str, list[float]], size: int, count: int) -> list[Row]:
    whole, plain = np.array(seconds["loader"]), np.array(seconds["no augmentation"])
    warped = np.array(seconds["no colours"])
    stages = {
        "decode (JPEG)": seconds["decode"],
        "resize": seconds["resize"],
        "read from the map": seconds["map read"],
        "read, seed, batch": list(plain),
        "warp": list(np.maximum(warped - plain, 1e-9)),
        "colours": list(np.maximum(whole - warped, 1e-9)),
        "whole, from the cache, bytes": seconds["loader"],
        "whole, from the cache, normalised": seconds["normalised"],
        "whole, from JPEG": list(whole + seconds["decode"] + seconds["resize"]),
        "whole, augment=gpu on the CPU": seconds["loader, augment=gpu"],
        "released loader, from JPEG": seconds["released loader"],
    }
    return [
        {
            "px": size,
            "stage": stage,
            "images/s": rate(count, passed),
            "ms an image": 1000 * float(np.median(passed)) / count,
            "released / this": ratio(seconds["released loader"], passed),
        }
        for stage, passed in stages.items()
    ]
