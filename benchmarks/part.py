"""Define the input and the result of a part."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.measure import Spread


@dataclass(frozen=True)
class Effort:
    """Sizes of all parts; with these, a run takes about 10 minutes on 2 cores."""

    rounds: int = 5  # how often each thing is timed
    sizes: tuple[int, ...] = (384, 64)  # image sides of data path and cache, pixels
    pass_images: int = 128  # images of one timed pass of data path and cache
    loss_batches: tuple[int, ...] = (128, 512, 1024, 2048)  # B of the losses
    image_size: int = 64  # side of all other images on a CPU, pixels
    batch_size: int = 64  # images of a batch on a CPU
    steps: int = 30  # training steps of a measured epoch
    bare_steps: int = 10  # steps of the bare model after each epoch
    epochs: int = 3  # measured after one of warm-up
    evaluated: int = 768  # images of an evaluation pass
    extracted: int = 160  # images of a frozen encoder's features, beside 28 held-out ones
    growth_images: int = 512  # training images at 1x
    starts: int = 3  # measured starts of train.py
    table_rows: tuple[int, ...] = (12_500, 50_000, 200_000)  # sizes of the tables that are read
    image_counts: tuple[int, ...] = (12_500, 50_000, 200_000)  # of whole commands, in part size
    # On a GPU, the paper's sizes, and training and validation images of ISIC 2018 in its protocol.
    gpu_image_size: int = 384
    gpu_batch_size: int = 128
    gpu_pass_images: int = 2048  # of one timed pass of the data path
    gpu_images: int = 8012
    gpu_held_out: int = 2003
    gpu_bare_steps: int = 62


FULL = Effort(rounds=11, steps=100, bare_steps=50, epochs=7, evaluated=3072, starts=9)
"""Sizes of full=true."""


@dataclass(frozen=True)
class Bench:
    """Sizes of a part and its folders."""

    effort: Effort
    scratch: Path  # an empty folder of the part's own, removed afterwards
    output: Path  # folder of the results

    @property
    def on_gpu(self) -> tuple[str, ...]:
        """Overrides of measurements on a GPU."""
        size, batch = self.effort.gpu_image_size, self.effort.gpu_batch_size
        return (f"dataset.image_size={size}", f"batch_size={batch}", "augment=gpu")

    def synthetic(self, images: int, *overrides: str, held_out: int = 14) -> list[str]:
        """Return overrides of train.py: ISIC 2018's recipe on pictures that are made on the spot.

        The training part has `images` images, the validation and the test part `held_out` each.
        """
        return [
            "dataset=isic2018",
            "dataset._target_=benchmarks.synthetic.Synthetic",
            f"+dataset.images={images}",
            f"+dataset.held_out={held_out}",
            f"dataset.cache_dir={self.scratch / 'cache'}",
            f"dataset.image_size={self.effort.image_size}",
            f"batch_size={self.effort.batch_size}",
            "encoder.stem=standard",
            *overrides,
        ]


Cell = str | int | float | Spread | None
Row = dict[str, Cell]


@dataclass(frozen=True)
class Section:
    """Results of a part."""

    title: str  # of its table
    rows: list[Row]  # with the same columns each
    notes: tuple[str, ...] = ()  # sentences on what was measured
    figures: dict[str, Spread] = field(default_factory=dict)  # those of targets, by their key


def devices() -> list[torch.device]:
    """Return the CPU, and a GPU where there is one."""
    gpus = [torch.device("cuda", 0)] if torch.cuda.is_available() else []
    return [torch.device("cpu"), *gpus]
