"""Views of whole batches, by tensor operations on the device where the images are."""

import torch
from torch import Tensor
from torch.nn import functional

from aduni.data.augmentation.gpu.color_jitter import jitter_
from aduni.data.augmentation.gpu.parameters import Drawn

PIXELS_OF_CPU = 2**16  # worked on together: few enough for a core's cache
PIXELS_OF_GPU = 2**24  # enough to occupy it, at 200 MB a copy


def augmented(images: Tensor, rows: Tensor, drawn: Drawn, *, nearest: bool) -> Tensor:
    """Augmented views of a batch.

    Args:
        images: (n, H, W, 3) uint8, square.
        rows: (B,) int64, which of them the batch has.
        drawn: of N = V * B views, on the same device.
        nearest: interpolation of the warp; else linear. What is outside of the image is 0.

    Returns:
        (V, B, 3, H, W) uint8, channels last in memory.
    """
    count, side = len(drawn.samples), images.shape[1]
    views = torch.empty((count, side, side, 3), dtype=torch.uint8, device=images.device)
    sources = rows[drawn.samples % len(rows)]
    pixels_at_once = PIXELS_OF_CPU if images.device.type == "cpu" else PIXELS_OF_GPU
    step = max(pixels_at_once // side**2, 1)
    for start in range(0, count, step):
        part = slice(start, start + step)
        pixels = _warped(images[sources[part]], drawn.sampling[part], nearest)
        if drawn.colours is not None:
            jitter_(pixels, drawn.colours, start)
        views.index_copy_(0, drawn.samples[part], pixels.permute(0, 2, 3, 1).to(torch.uint8))
    return views.view(-1, len(rows), side, side, 3).permute(0, 1, 4, 2, 3)


def _warped(images: Tensor, sampling: Tensor, nearest: bool) -> Tensor:
    """(n, 3, H, W) float32, whole numbers, from (n, H, W, 3) uint8 and (n, 2, 3)."""
    side = images.shape[1]
    offsets = torch.arange(side, device=images.device) - (side - 1) / 2
    # No matrix product: on a GPU its precision may have been lowered to ten bits.
    along, down, constant = (values[:, None] for values in sampling.unbind(-1))
    columns = offsets[:, None] * along
    rows = offsets[:, None] * down + constant
    pixels = functional.grid_sample(
        images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format),
        columns[:, None] + rows[:, :, None],
        mode="nearest" if nearest else "bilinear",
        padding_mode="zeros",
        # With aligned corners cuDNN would compute it on a GPU, in its own way.
        align_corners=False,
    )
    return pixels if nearest else pixels.round_()
