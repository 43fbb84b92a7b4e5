"""Augment whole batches by tensor operations on the device of the images.

As in albumentations for 8-bit images, every step ends in whole numbers from 0 to 255. Only the hue
is computed exactly, where albumentations rounds hue and saturation to 8 bits.
"""

import torch
from torch import Tensor
from torch.nn import functional

from aduni.data.augmentation.gpu.parameters import Colours, ViewParameters

MAX_PIXELS_CPU = 2**16  # processed at a time: they fit into a core's cache
MAX_PIXELS_GPU = 2**24  # enough to occupy a GPU, at 200 MB a copy

GREY = (0.299, 0.587, 0.114)


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
            _shift_hue_(images[group], hue[group])
        if step < 3:
            _blend_(images, blends[:, step])


def _blend_(images: Tensor, blends: Tensor) -> None:
    """Mix images (n, 3, H, W) with their greys and mean greys by the (n, 4) `Colours.blends`."""
    red, green, blue = images.chunk(3, dim=1)
    grey = (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).round_()
    # An integer sum is exact, so that it does not depend on the number of images in the call.
    total = grey.sum(dim=(1, 2, 3), keepdim=True, dtype=torch.int64)
    pixel, own_grey, mean, constant = blends.view(-1, 4, 1, 1, 1).unbind(1)
    grey.mul_(own_grey).add_(mean * (total / grey[0].numel()) + constant)
    images.mul_(pixel).add_(grey).clamp_(0, 255).floor_()


def _shift_hue_(images: Tensor, shift: Tensor) -> None:
    """Shift the hues of images (n, 3, H, W) by (n,) sixths of a circle.

    With V the largest channel, C its distance to the smallest, and a hue h in sixths, the channels
    are V - C max(0, min(k, 4 - k, 1)), k = (h + 5, 3, 1) mod 6.
    """
    red, green, blue = images.chunk(3, dim=1)
    largest = images.amax(dim=1, keepdim=True)
    chroma = largest - images.amin(dim=1, keepdim=True)
    last = torch.where(largest == green, blue - red + 2 * chroma, red - green + 4 * chroma)
    hue = torch.where(largest == red, green - blue, last)
    hue.div_(chroma.clamp(min=1)).add_(shift.view(-1, 1, 1, 1))
    offsets = torch.arange(5, -1, -2, device=images.device, dtype=images.dtype)
    share = (hue + offsets.view(3, 1, 1)).remainder_(6)
    share = torch.minimum(share, 4 - share).clamp_(0, 1)
    torch.sub(largest, share.mul_(chroma), out=images).round_()
