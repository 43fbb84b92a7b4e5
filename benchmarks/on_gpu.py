"""Part (a) on a GPU: views made there, from images that are there or sent."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aduni.config.build import build_data
from aduni.config.instantiate import build
from aduni.data.module import ImageDataModule
from benchmarks.composing import settings_of, synthetic
from benchmarks.measure import WALL, in_turns, rate
from benchmarks.section import Bench, Row

CHOICES = {"images kept there": "auto", "images sent": "false"}
"""Of data_on_gpu."""


def gpu_rows(bench: Bench, size: int, device: torch.device) -> list[Row]:
    """Whole passes with augment=gpu, on the wall: a GPU works beside the process.

    Args:
        bench: effort and scratch folder.
        size: side, pixels.
        device: where the views are made.
    """
    count = bench.effort.pass_images
    calls = {}
    for what, choice in CHOICES.items():
        data = _data(bench, size, choice)
        list(data.evaluation_batches("test", device))  # puts the images there, if they are kept
        calls[what] = partial(_pass, data, data.train_dataloader(), device)
    seconds = in_turns(calls, bench.effort.turns, WALL, device)
    return [
        {
            "px": size,
            "stage": f"whole, augment=gpu on {device.type}, {what}",
            "images/s": rate(count, passed),
            "ms an image": 1000 * float(np.median(passed)) / count,
            "released / this": None,
        }
        for what, passed in seconds.items()
    ]


def _pass(data: ImageDataModule, batches: Iterable[Any], device: torch.device) -> None:
    for batch in batches:
        data.on_after_batch_transfer(data.transfer_batch_to_device(batch, device, 0), 0)


def _data(bench: Bench, size: int, choice: str) -> ImageDataModule:
    effort = bench.effort
    cache: Path = bench.scratch / "cache"
    given = synthetic(
        cache,
        images=effort.pass_images,
        held_out=14,
        image_size=size,
        batch_size=effort.loader_batch,
    )
    settings = settings_of([*given, "num_workers=0", "augment=gpu", f"data_on_gpu={choice}"])
    data = build_data(settings)
    data.prepare_data()
    data.begin_stage(build(settings.sampler), views=2, epochs=1)
    return data
