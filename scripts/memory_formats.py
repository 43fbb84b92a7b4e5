"""Time of a CPU in both memory formats, from which models/memory_format.py chooses.

    python -m scripts.memory_formats [--encoders resnet18 ...] [--sizes 64 ...] [--rounds 5]

Prints a Markdown table of milliseconds an image, forward and backward, and of the ratio
channels-first over channels-last (above 1: channels-last is faster). All are CPU times of one
thread on the same batch of bytes, the median of alternate rounds.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aduni.cli.app import run_command
from aduni.models.encoder import Encoder
from benchmarks.measure import alternate, cpu_clock, one_thread, ratio

ENCODERS = (
    *("resnet18", "resnet50", "efficientnet_lite0", "mobilenet_v3_small", "convnext_tiny"),
    "timm/vit_tiny_patch16_224",
)
SIZES = (32, 64, 96, 128, 160, 224)
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16}
FORMATS = {"first": False, "last": True}


def main() -> None:
    """Print a line for each encoder, size and precision."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=ENCODERS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| encoder | px | precision | first, ms | last, ms | first / last |")
    print("|---|---:|---|---:|---:|---:|")
    for name in arguments.encoders:
        for size in arguments.sizes:
            for line in lines(name, size, arguments.batch, arguments.rounds):
                print(f"| {name} | {size} | {line} |", flush=True)


def lines(name: str, size: int, batch: int, rounds: int) -> list[str]:
    """Return precision, both times and their ratio as cells, a line for each precision."""
    images = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    encoder = Encoder(name, image_size=size, mean=[0.5] * 3, std=[0.2] * 3)
    calls: dict[Any, Callable[[], Any]] = {}
    for memory_format, channels_last in FORMATS.items():
        copy = deepcopy(encoder)
        copy.set_memory_format(channels_last=channels_last)
        for precision, dtype in PRECISIONS.items():
            calls[memory_format, precision] = partial(step, copy, images, dtype)
    with one_thread():
        seconds = alternate(calls, rounds, cpu_clock)
    cells = []
    for precision in PRECISIONS:
        pair = [seconds[memory_format, precision] for memory_format in FORMATS]
        first, last = (1000 * float(np.median(each)) / batch for each in pair)
        times = ratio(*pair)
        spread = f"{times.median:.2f} ({times.low:.2f} to {times.high:.2f})"
        cells.append(f"{precision} | {first:.2f} | {last:.2f} | {spread}")
    return cells


def step(encoder: Encoder, images: Tensor, dtype: torch.dtype | None) -> None:
    """Compute features and gradients once."""
    encoder.zero_grad()
    with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
        features = encoder(images)
    features.float().square().mean().backward()


if __name__ == "__main__":
    run_command(main)
