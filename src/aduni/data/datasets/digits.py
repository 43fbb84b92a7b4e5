"""Provide scikit-learn's handwritten digits with a long-tailed training part."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from sklearn.datasets import load_digits

from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints


class Digits(ImageData):
    """scikit-learn's 1,797 digits of 8 x 8 pixels in 10 classes, with a long-tailed training part.

    Args:
        imbalance_ratio: images of the most frequent class over the rarest, in the training part.
        kwargs: see ImageData.
    """

    title = "digits"
    obtain = "it comes with scikit-learn"

    def __init__(
        self, *, imbalance_ratio: Annotated[float, Field(ge=1)] = 20.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.imbalance_ratio = imbalance_ratio
        self._digits = load_digits()

    def read_table(self) -> ImageTable:
        """Return the rows digit_0000 to digit_1796."""
        labels: Ints = self._digits.target.astype(np.int64)
        images = [f"digit_{i:04d}" for i in range(len(labels))]
        # A 3 is not nearer to a 4 than to a 7: as classes, digits have no order.
        return ImageTable(images, labels, [str(c) for c in range(10)], ordinal=False)

    def open_image(self, row: int) -> Image.Image:
        """Return a digit as RGB, its grey levels 0..16 scaled to 0..255."""
        grey = np.round(self._digits.images[row] * (255 / 16)).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")

    def divide(self) -> NDArray[np.str_]:
        """Apply the protocol's split and thin the training part to an exponential profile."""
        parts = super().divide()
        rows = np.flatnonzero(parts == "train")
        labels = self.table.labels[rows]
        selected = long_tail(labels, self.imbalance_ratio, self.protocol.split_seed)
        parts[np.setdiff1d(rows, rows[selected])] = "unused"
        return parts


def long_tail(labels: Ints, ratio: float, seed: int) -> Ints:
    """Select positions so that class c keeps n_max * ratio^(-c / (C - 1)) images, at least 1.

    n_max is the smallest class's count, so that the profile holds exactly.
    """
    counts = np.bincount(labels)
    shares = ratio ** (-np.arange(len(counts)) / max(len(counts) - 1, 1))
    sizes = np.maximum(np.round(counts.min() * shares).astype(int), 1)
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[labels[order] == c][:size] for c, size in enumerate(sizes)]
    return np.sort(np.concatenate(chosen))
