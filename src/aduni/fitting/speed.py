"""Measure how long an image takes on this machine: to be read, encoded and learned from."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median

import albumentations as A
import numpy as np
import torch
from pydantic import BaseModel
from torch import nn
from torch.nn.functional import cross_entropy

from aduni.auditing.contact_sheet import pick_evenly
from aduni.config.build import build_data, processes_and_device
from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.data.cache.decode import resize_image
from aduni.data.image_data import ImageData
from aduni.models.encoder import Encoder
from aduni.system.threads import map_ahead

READ_IMAGES = 24
MIN_BATCHES, MAX_BATCHES, ENOUGH_SECONDS = 2, 12, 1.0
"""Batches are timed until they have taken this long, after one that warms up; the median counts."""


class Speed(BaseModel, extra="forbid", frozen=True):
    """Seconds that one image takes.

    Attributes:
        side: median of the shorter sides of the images that were read, in pixels.
        read: to be decoded and resized.
        forward: to pass the encoder, by image size.
        training: to be augmented and learned from by all weights, by image size; empty where the
            preset does not fine-tune.
    """

    side: float
    read: float
    forward: dict[int, float]
    training: dict[int, float]


def measure_speed(
    frozen: Settings, sizes: Sequence[int], fine_tuned: Settings | None, scales: Sequence[int]
) -> Speed:
    """Measure on this machine, with the encoder, batch and augmentation of a preset's rows.

    Args:
        frozen: settings of a row whose encoder is frozen.
        sizes: sides of all images, in pixels.
        fine_tuned: settings of a row that trains all weights, if there is one.
        scales: sides of its images, in pixels.
    """
    data = build_data(frozen)
    device = torch.device(processes_and_device(frozen.trainer)[1])
    encoder = build(frozen.encoder).to(device)
    forward = {size: _seconds_of(partial(_forward, encoder), 8, size, device) for size in sizes}
    training = {}
    if fine_tuned:
        encoder, batch = build(fine_tuned.encoder).to(device), fine_tuned.batch_size
        step = _training_step(encoder, device)
        for size in scales:
            drawn = _seconds_of_augmentation(data.augment, size)
            training[size] = drawn + _seconds_of(step, batch, size, device)
    side, read = _read_images(data)
    return Speed(side=side, read=read, forward=forward, training=training)


def _read_images(data: ImageData) -> tuple[float, float]:
    """Return the median of the shorter sides of some images, and the seconds that one takes."""
    rows = pick_evenly(np.arange(len(data.table.images)), READ_IMAGES).tolist()

    def read(row: int) -> int:
        image = data.open_image(row)
        resize_image(image, 224)
        return min(image.size)

    start = time.perf_counter()
    sides = [*map_ahead(read, rows, len(rows))]
    return float(np.median(sides)), (time.perf_counter() - start) / len(rows)


def _seconds_of_augmentation(
    transforms: Iterable[A.BasicTransform | A.BaseCompose], size: int
) -> float:
    """Return the seconds of one view, which a CPU that also trains cannot hide."""
    augment = A.Compose(list(transforms))
    image = np.random.default_rng(0).integers(256, size=(size, size, 3), dtype=np.uint8)
    augment(image=image)  # the first call prepares
    start = time.perf_counter()
    for _ in range(8):
        augment(image=image)
    return (time.perf_counter() - start) / 8


def _seconds_of(
    call: Callable[[torch.Tensor], object], batch: int, size: int, device: torch.device
) -> float:
    """Return the seconds per image of a call on a batch of images (N, 3, S, S)."""
    pixels = torch.randint(256, (batch, 3, size, size), dtype=torch.uint8, device=device)
    pixels = pixels.to(memory_format=torch.channels_last)
    call(pixels)
    seconds: list[float] = []
    while len(seconds) < MIN_BATCHES or (
        len(seconds) < MAX_BATCHES and sum(seconds) < ENOUGH_SECONDS
    ):
        start = time.perf_counter()
        call(pixels)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return median(seconds) / batch


@torch.inference_mode()
def _forward(encoder: Encoder, pixels: torch.Tensor) -> torch.Tensor:
    features: torch.Tensor = encoder.eval()(pixels)
    return features


def _training_step(encoder: Encoder, device: torch.device) -> Callable[[torch.Tensor], None]:
    """Return a step of cross-entropy on two classes, which changes the encoder's weights."""
    model = nn.Sequential(encoder, nn.Linear(encoder.features, 2)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def step(pixels: torch.Tensor) -> None:
        labels = torch.arange(len(pixels), device=device) % 2
        optimizer.zero_grad()
        loss: torch.Tensor = cross_entropy(model(pixels), labels)
        torch.autograd.backward(loss)
        optimizer.step()

    return step
