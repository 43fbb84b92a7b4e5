"""Augment whole batches by tensor operations on the device of the images.

As in albumentations for 8-bit images, every step ends in whole numbers from 0 to 255. Only the hue
is computed exactly, where albumentations rounds hue and saturation to 8 bits.
"""

import torch
from torch import Tensor

from aduni.data.augmentation.gpu.fused import FusedViews
from aduni.data.augmentation.gpu.parameters import Colours, ViewParameters
from aduni.data.augmentation.gpu.pixels import blend_, shift_hue_, warp

MAX_PIXELS_CPU = 2**16  # processed at a time: they fit into a core's cache
MAX_PIXELS_GPU = 2**24  # enough to occupy a GPU, at 200 MB a copy

FUSED = FusedViews()  # for the process


def make_views(
    images: Tensor, rows: Tensor, parameters: ViewParameters, *, nearest: bool
) -> Tensor:
    """Make augmented views of a batch.

    Args:
        images: (n, H, W, 3) uint8, square.
        rows: (B,) int64, the images of the batch.
        nearest: whether the warp takes the nearest pixel or interpolates linearly; pixels from
            outside the image are 0.

    Returns:
        (V, B, 3, H, W) uint8, channels last in memory.
    """
    if images.device.type == "cuda":
        views = FUSED(images, rows, parameters, nearest=nearest)
        if views is not None:
            return views
    return unfused_views(images, rows, parameters, nearest=nearest)


def unfused_views(
    images: Tensor, rows: Tensor, parameters: ViewParameters, *, nearest: bool
) -> Tensor:
    """Make the views of `make_views` by one operation after another, some images at a time."""
    count, side = len(parameters.samples), images.shape[1]
    views = torch.empty((count, side, side, 3), dtype=torch.uint8, device=images.device)
    sources = rows[parameters.samples % len(rows)]
    pixels_at_once = MAX_PIXELS_CPU if images.device.type == "cpu" else MAX_PIXELS_GPU
    step = max(pixels_at_once // side**2, 1)
    for start in range(0, count, step):
        part = slice(start, start + step)
        pixels = warp(images[sources[part]], parameters.sampling[part], nearest)
        if parameters.colours is not None:
            jitter_(pixels, parameters.colours, start)
        views.index_copy_(0, parameters.samples[part], pixels.permute(0, 2, 3, 1).to(torch.uint8))
    return views.view(-1, len(rows), side, side, 3).permute(0, 1, 4, 2, 3)


def jitter_(images: Tensor, colours: Colours, start: int) -> None:
    """Jitter the colours of images in place.

    Args:
        images: (n, 3, H, W) float32, whole numbers.
        start: position of the first image among the N views.
    """
    views = slice(start, start + len(images))
    blends, hue = colours.blends[views], colours.hue[views]
    hue_starts = [min(max(first - start, 0), len(images)) for first in colours.hue_starts]
    for step in range(4):
        group = slice(hue_starts[step], hue_starts[step + 1])
        if group.start < group.stop:
            shift_hue_(images[group], hue[group])
        if step < 3:
            blend_(images, blends[:, step])
