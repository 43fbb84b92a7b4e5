"""Batches that the data loaders pass to a method.

Letters used in shapes throughout the project:

    B  images in a batch                C  classes
    V  views (augmentations) of each    D  features of an embedding
    N  samples, N = V * B               K  keys in a queue
    M  contrasts an anchor is compared with
    T  epochs                           H, W  height and width
"""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Augmented views of B images, with labels.

    Attributes:
        views: (V, B, 3, H, W) uint8; the encoder normalises them.
        labels: (B,) int64 class numbers.
        indices: (B,) int64 rows of the image table.
        total: images of the batch on all ranks together; None where it is not divided.
    """

    views: Tensor
    labels: Tensor
    indices: Tensor
    total: int | None = None
