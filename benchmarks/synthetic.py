"""A data set of pictures made on the spot, of any length."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import NonNegativeInt, PositiveInt
from pytorch_lightning import Callback

from aduni.data.image_table import ImageTable
from aduni.data.module import ImageDataModule
from benchmarks.pictures import smooth_picture

CLASSES = 7
VARIETY = 64
"""Distinct pictures: making one takes longer than resizing one."""


class Synthetic(ImageDataModule):
    """Pictures in seven classes, as many as are asked for, already in their final size.

    Args:
        images: of the training part.
        held_out: of the validation part, and of the test part.
        kwargs: see ImageDataModule.
    """

    title = "synthetic"
    obtain = "it is made on the spot"

    def __init__(self, *, images: PositiveInt, held_out: NonNegativeInt, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._images, self._held_out = images, held_out
        self.watcher: Callback | None = None

    def setup(self, stage: str) -> None:
        """Let the watcher see the training: `Training` makes its trainers itself."""
        super().setup(stage)
        callbacks: list[Callback] = self.trainer.callbacks if self.trainer else []  # type: ignore[attr-defined]
        if self.watcher is not None and self.watcher not in callbacks:
            callbacks.append(self.watcher)

    def read_table(self) -> ImageTable:
        """Classes in turn, so that every part holds all of them."""
        count = self._images + 2 * self._held_out
        labels = np.arange(count, dtype=np.int64) % CLASSES
        names = [f"class_{c}" for c in range(CLASSES)]
        return ImageTable([f"image_{i:06d}" for i in range(count)], labels, names)

    def open_image(self, row: int) -> Image.Image:
        """One of a few smooth pictures."""
        return smooth_picture(row % VARIETY, self.image_size, self.image_size)

    def divide(self) -> NDArray[np.str_]:
        """Sizes as asked for; the protocol's folds would round them."""
        sizes = {"train": self._images, "validation": self._held_out, "test": self._held_out}
        return np.repeat(list(sizes), list(sizes.values()))
