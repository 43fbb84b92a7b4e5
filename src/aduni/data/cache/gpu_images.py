"""All images of a data set in a GPU's memory."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aduni.data.cache.image_cache import ImageCache
from aduni.errors import UserError

DataOnGpu = Literal["auto", True, False]
CHUNK = 2**26
"""Bytes that are copied at a time."""


class DeviceImages:
    """The images, once they are on a device.

    Args:
        choice: of the user.

    Attributes:
        images: (n, H, W, 3) uint8, or None.
    """

    def __init__(self, choice: DataOnGpu) -> None:
        self._choice: DataOnGpu = choice
        self.images: Tensor | None = None

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy the whole cache to the device, if it is to be there and is not yet.

        Raises:
            UserError: it is to be there and cannot.
        """
        if self.has(device):
            return
        self.images = None
        if belongs_on_gpu(self._choice, cache.pixels.nbytes, free_bytes(device)):
            self.images = copied(cache, device)

    def has(self, device: torch.device) -> bool:
        """Whether the images are on this device."""
        return self.images is not None and self.images.device == device


def free_bytes(device: torch.device) -> int | None:
    """Of a GPU's memory; None for other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def belongs_on_gpu(choice: DataOnGpu, needed: int, free: int | None) -> bool:
    """Whether the images are to be copied.

    Args:
        choice: of the user; auto copies what takes less than half of the free memory.
        needed: bytes.
        free: bytes; None where there is no GPU.

    Raises:
        UserError: they are to be and cannot.
    """
    if choice is False or (choice == "auto" and free is None):
        return False
    if free is None:
        raise UserError("data_on_gpu=true finds no CUDA GPU; set data_on_gpu=auto or trainer=gpu.")
    if choice == "auto":
        return needed < free / 2
    if needed >= free:
        raise UserError(
            f"data_on_gpu=true needs {needed / 2**30:.1f} GiB, and the GPU has "
            f"{free / 2**30:.1f} GiB free; set data_on_gpu=auto or lower dataset.image_size."
        )
    return True


def copied(cache: ImageCache, device: torch.device) -> Tensor:
    """(n, H, W, 3) uint8 of the whole cache."""
    images = torch.empty(cache.pixels.shape, dtype=torch.uint8, device=device)
    step = max(CHUNK // cache.pixels[0].nbytes, 1)
    for start in range(0, len(images), step):
        # Each time a new map: the pages of one that stays count as this process's memory.
        chunk = np.array(ImageCache(cache.folder).pixels[start : start + step])
        images[start : start + step] = torch.from_numpy(chunk)
    return images
