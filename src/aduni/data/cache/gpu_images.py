"""Keep all images of a data set in the memory of a GPU."""

import numpy as np
import torch
from torch import Tensor

from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.settings import DataOnGpu
from aduni.errors import UserError

CHUNK_BYTES = 2**26


class DeviceImages:
    """Images (n, H, W, 3) uint8 of a data set on a device; None until they are copied there."""

    def __init__(self, choice: DataOnGpu) -> None:
        self._choice: DataOnGpu = choice
        self.images: Tensor | None = None

    def fill(self, cache: ImageCache, device: torch.device) -> None:
        """Copy the whole cache to the device if the setting asks for it and it is not there yet."""
        if self.has(device):
            return
        self.images = None
        if belongs_on_gpu(self._choice, cache.pixels.nbytes, free_bytes(device)):
            self.images = copy_to_device(cache, device)

    def has(self, device: torch.device) -> bool:
        return self.images is not None and self.images.device == device


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a GPU; None for other devices."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def belongs_on_gpu(choice: DataOnGpu, needed: int, free: int | None) -> bool:
    """Decide whether to copy `needed` bytes to a GPU with `free` bytes, or to none (None)."""
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


def copy_to_device(cache: ImageCache, device: torch.device) -> Tensor:
    """Copy the whole cache to a device: (n, H, W, 3) uint8."""
    images = torch.empty(cache.pixels.shape, dtype=torch.uint8, device=device)
    step = max(CHUNK_BYTES // cache.pixels[0].nbytes, 1)
    for start in range(0, len(images), step):
        # A new memory map each time, since the pages of one in use count as this process's memory.
        chunk = np.array(ImageCache(cache.folder).pixels[start : start + step])
        images[start : start + step] = torch.from_numpy(chunk)
    return images
