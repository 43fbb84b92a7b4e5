"""Resized images as one memory-mapped uint8 array, built once and read by every run."""

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from aduni.errors import UserError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageCache:
    """A finished cache folder.

    It opens its array in whichever process uses it: a memory map that is sent to another process
    arrives as a copy of the whole array.
    """

    folder: Path

    @cached_property
    def pixels(self) -> Pixels:
        """(n, H, W, 3) uint8, read-only, in the order of the image table."""
        pixels: Pixels = np.load(self.folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
        return pixels

    @cached_property
    def originals(self) -> pd.DataFrame:
        """Columns image, sha256 (of the original's pixels), width, height."""
        return pd.read_csv(self.folder / "originals.csv", dtype={"image": str})

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}


def source_key(description: str, files: list[Path] | None) -> str:
    """Names a cache by what it is made from: files' names, sizes and times, and the image size."""
    digest = hashlib.sha256(description.encode())
    for file in files or []:
        status = file.stat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def usable_cpus() -> int:
    """CPUs that this process may use: a scheduler or a container may allow it a few of them."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def build_cache(
    folder: Path,
    images: list[str],
    open_image: Callable[[int], Image.Image],
    image_size: int,
) -> ImageCache:
    """The cache at `folder`, built under a temporary name if it is not there yet.

    Of several processes that ask at once, one builds and the others wait.

    Args:
        folder: where the cache is to be.
        images: identifiers, one a row.
        open_image: row -> RGB image in its original size.
        image_size: side of the square that images are resized to.

    Raises:
        UserError: an image cannot be read, or the folder cannot be written.
    """
    if folder.is_dir():
        return ImageCache(folder)
    partial_folder = folder.with_name(f"{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                shutil.rmtree(partial_folder, ignore_errors=True)
                try:
                    partial_folder.mkdir()
                    _write(partial_folder, images, open_image, image_size)
                    partial_folder.rename(folder)
                finally:
                    shutil.rmtree(partial_folder, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"The image cache {folder} cannot be written ({error.strerror or error}); "
            "set dataset.cache_dir to a folder with room that can be written."
        ) from error
    return ImageCache(folder)


def open_rgb(file: Path) -> Image.Image:
    """The decoded image.

    Raises:
        UserError: no image, or a truncated one.
    """
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{file} is not a readable image ({error}); restore the file or remove its row."
        ) from error


def _write(
    folder: Path, images: list[str], open_image: Callable[[int], Image.Image], image_size: int
) -> None:
    shape = (len(images), image_size, image_size, 3)
    pixels = np.lib.format.open_memmap(
        folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape
    )
    if hasattr(os, "posix_fallocate"):  # a disk that fills up under a map kills the process
        with (folder / "pixels.npy").open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, pixels.offset + pixels.nbytes)
    # Pillow releases the interpreter lock while it decodes and resizes.
    with ThreadPoolExecutor(usable_cpus()) as pool:
        work = pool.map(partial(_resize_into, pixels, open_image), range(len(images)))
        try:
            rows = list(track(work, f"Resizing to {image_size} px", total=len(images)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    pixels.flush()
    originals = pd.DataFrame(rows, columns=["sha256", "width", "height"])
    originals.insert(0, "image", images)
    originals.to_csv(folder / "originals.csv", index=False)


def _resize_into(
    pixels: Pixels, open_image: Callable[[int], Image.Image], row: int
) -> tuple[str, int, int]:
    image = open_image(row)
    digest = hashlib.sha256(str(image.size).encode() + image.tobytes()).hexdigest()
    # Bilinear with antialiasing, as the authors' loader resizes.
    pixels[row] = np.asarray(image.resize(pixels.shape[1:3], Image.Resampling.BILINEAR))
    return digest, image.width, image.height
