"""Augment whole batches by tensor operations on the device of the images."""

import torch
from torch import Tensor
from torch.nn import functional

from aduni.data.augmentation.gpu.color_jitter import jitter_
from aduni.data.augmentation.gpu.parameters import ViewParameters

MAX_PIXELS_CPU = 2**16  # processed at a time: they fit into a core's cache
MAX_PIXELS_GPU = 2**24  # enough to occupy a GPU, at 200 MB a copy


def make_views(
    images: Tensor, rows: Tensor, parameters: ViewParameters, *, nearest: bool
) -> Tensor:
    """Make augmented views of a batch.

    Args:
        images: (n, H, W, 3) uint8, square.
        rows: (B,) int64, the images of the batch.
        parameters: parameters of N = V * B views, on the same device.
        nearest: whether the warp takes the nearest pixel or interpolates linearly; pixels from
            outside the image are 0.

    Returns:
        (V, B, 3, H, W) uint8, channels last in memory.
    """
    count, side = len(parameters.samples), images.shape[1]
    views = torch.empty((count, side, side, 3), dtype=torch.uint8, device=images.device)
    sources = rows[parameters.samples % len(rows)]
    pixels_at_once = MAX_PIXELS_CPU if images.device.type == "cpu" else MAX_PIXELS_GPU
    step = max(pixels_at_once // side**2, 1)
    for start in range(0, count, step):
        part = slice(start, start + step)
        pixels = _warp(images[sources[part]], parameters.sampling[part], nearest)
        if parameters.colours is not None:
            jitter_(pixels, parameters.colours, start)
        views.index_copy_(0, parameters.samples[part], pixels.permute(0, 2, 3, 1).to(torch.uint8))
    return views.view(-1, len(rows), side, side, 3).permute(0, 1, 4, 2, 3)


def _warp(images: Tensor, sampling: Tensor, nearest: bool) -> Tensor:
    """Warp (n, H, W, 3) uint8 by (n, 2, 3) to (n, 3, H, W) float32 with integer values."""
    side = images.shape[1]
    offsets = torch.arange(side, device=images.device) - (side - 1) / 2
    # Not a matrix product, whose precision on a GPU may have been lowered to ten bits.
    along, down, constant = (values[:, None] for values in sampling.unbind(-1))
    columns = offsets[:, None] * along
    rows = offsets[:, None] * down + constant
    pixels = functional.grid_sample(
        images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format),
        columns[:, None] + rows[:, :, None],
        mode="nearest" if nearest else "bilinear",
        padding_mode="zeros",
        # With aligned corners a GPU would use cuDNN's implementation, which differs.
        align_corners=False,
    )
    return pixels if nearest else pixels.round_()
