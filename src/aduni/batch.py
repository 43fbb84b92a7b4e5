"""Batches that the data loaders pass to a method.

Letters used in shapes throughout the project:

    B  images in a batch                C  classes
    V  views (augmentations) of each    D  features of an embedding
    N  samples, N = V * B               K  keys in a queue
    M  contrasts an anchor is compared with
    T  epochs                           H, W  height and width
"""

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor

Mean = Annotated[float, Field(ge=-1e3, le=1e3)]
Deviation = Annotated[float, Field(ge=1e-4, le=1e3)]
"""Standard deviation of a channel of images scaled to 0..1. Beyond these limits normalised pixels
are nearly constant or not finite."""


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
