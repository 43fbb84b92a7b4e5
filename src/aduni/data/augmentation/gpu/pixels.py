"""Warp images and change their colours by tensor operations.

Pixels are whole numbers from 0 to 255 before and after each function, in float32.
"""

import torch
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)


def warp(images: Tensor, sampling: Tensor, nearest: bool) -> Tensor:
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


def blend_(images: Tensor, blends: Tensor) -> None:
    """Mix images (n, 3, H, W) with their greys and mean greys by the (n, 4) `Colours.blends`."""
    red, green, blue = images.chunk(3, dim=1)
    grey = (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).round_()
    # An integer sum is exact, so that it does not depend on the number of images in the call.
    # A row's float sum is exact, too, up to 2^24, and faster than one of converted pixels.
    total = grey.sum(dim=3, keepdim=True).sum(dim=2, keepdim=True, dtype=torch.int64)
    pixel, own_grey, mean, constant = blends.view(-1, 4, 1, 1, 1).unbind(1)
    grey.mul_(own_grey).add_(mean * (total / grey[0].numel()) + constant)
    images.mul_(pixel).add_(grey).clamp_(0, 255).floor_()


def shift_hue_(images: Tensor, shift: Tensor) -> None:
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
