"""Pictures of which nobody owns the rights, as JPEG files and as a data set of any length."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import NonNegativeInt, PositiveInt
from pytorch_lightning import Callback

from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.module import ImageDataModule

SIZE = 600, 450
"""Width and height of the photographs of ISIC 2018, pixels."""

CLASSES = 7
VARIETY = 64
"""Distinct pictures: making one takes longer than resizing one."""


def picture(seed: int, size: tuple[int, int] = SIZE, noise: float = 0.0) -> Image.Image:
    """Return coloured blotches, RGB, with a camera's noise of this standard deviation (of 255)."""
    rng = np.random.default_rng([seed, *size])
    blotches = rng.integers(30, 226, (6, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)
    if not noise:
        return smooth
    noisy = np.asarray(smooth) + rng.normal(0, noise, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noisy.round(), 0, 255).astype(np.uint8))


def write_jpegs(folder: Path, count: int) -> list[Path]:
    """Write 00000.jpg and so on into a new folder."""
    folder.mkdir(parents=True)
    files = [folder / f"{number:05d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        picture(number, noise=6).save(file, quality=90)
    return files


class _WatchedModule(ImageDataModule):
    def setup(self, stage: str) -> None:
        """Let the watcher see the training: `Training` makes its trainer itself."""
        super().setup(stage)
        assert isinstance(self.data, Synthetic)
        if self.data.watcher is not None:
            self.trainer.callbacks.append(self.data.watcher)  # type: ignore[union-attr]


class Synthetic(ImageData):
    """Pictures in their final size: `images` to train, `held_out` to validate and to test each."""

    title = "synthetic"
    obtain = "it is made on the spot"
    watcher: Callback | None = None

    def __init__(self, *, images: PositiveInt, held_out: NonNegativeInt, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sizes = {"train": images, "validation": held_out, "test": held_out}

    @cached_property
    def module(self) -> ImageDataModule:
        """The loaders, which let the watcher see the training."""
        return _WatchedModule(self)

    def read_table(self) -> ImageTable:
        """Return classes in turn, so that every part holds all of them."""
        count = sum(self._sizes.values())
        labels = np.arange(count, dtype=np.int64) % CLASSES
        names = [f"class_{c}" for c in range(CLASSES)]
        return ImageTable([f"image_{i:06d}" for i in range(count)], labels, names)

    def open_image(self, row: int) -> Image.Image:
        """Return one of a few smooth pictures."""
        return picture(row % VARIETY, (self.image_size, self.image_size))

    def divide(self) -> NDArray[np.str_]:
        """Return parts of the sizes asked for; the protocol's folds would round them."""
        return np.repeat(list(self._sizes), list(self._sizes.values()))
