"""Resized images as one memory-mapped uint8 array, built once and read by every run."""

import hashlib
import logging
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

from aduni.data.cache.decode import ALL_BITS, BeyondRangeError, decoded, resized
from aduni.data.cache.integrity import COLUMNS, cache_fault, read_originals, row_digest, write_seal
from aduni.data.image_table import shown
from aduni.errors import UserError, warn
from aduni.shortage import raise_shortage
from aduni.system.temporary import temporary_name

Pixels = NDArray[np.uint8]

log = logging.getLogger(__name__)


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
        """See `read_originals`."""
        return read_originals(self.folder)

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}


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
    *,
    every_row: bool = False,
    check: Callable[[], None] = lambda: None,
) -> ImageCache:
    """The cache at `folder`, built under a temporary name if it is not there, whole and of these.

    Of several processes that ask at once, one builds and the others wait. A cache that is there is
    checked: complete, of these images in this size, the originals' table unchanged, and the pixels
    of a few rows.

    Args:
        folder: where the cache is to be.
        images: identifiers, one a row.
        open_image: row -> RGB image in its original size.
        image_size: side of the square that images are resized to.
        every_row: check all pixels of a cache that is there.
        check: called when all images of a new cache were read; what it raises leaves no cache.

    Raises:
        UserError: an image cannot be read, or the folder cannot be written.
    """
    fault = partial(cache_fault, folder, images, image_size, every_row=every_row)
    if folder.is_dir() and not fault():
        return ImageCache(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            found = fault() if folder.exists() else "it is missing"
            if found and folder.exists():
                warn(log, f"The image cache {folder} is built anew: {found}.")
            if found:
                partial_folder = temporary_name(folder)
                try:
                    partial_folder.mkdir()
                    _write(partial_folder, images, open_image, image_size)
                    check()
                    _remove(folder)
                    partial_folder.rename(folder)
                finally:
                    shutil.rmtree(partial_folder, ignore_errors=True)
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"The image cache {folder} cannot be written ({error.strerror or error}); "
            "set dataset.cache_dir to a folder with room that can be written."
        ) from error
    return ImageCache(folder)


def open_rgb(file: Path, bits: int = ALL_BITS) -> Image.Image:
    """The decoded image.

    Args:
        file: of the image.
        bits: of the grey levels that 16-bit files hold.

    Raises:
        UserError: no image, a truncated one, or one with higher grey levels.
    """
    try:
        return decoded(file, bits)
    except BeyondRangeError as error:
        more = "" if error.fitting == ALL_BITS else " or more, or auto"
        raise UserError(
            f"{shown(str(file))} {error}; set dataset.bits={error.fitting}{more}."
        ) from error
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        raise unreadable(file, error) from error


def unreadable(file: Path, why: object) -> UserError:
    """What a data set's file that is no image is refused with."""
    reason = " ".join(str(why).split()) or type(why).__name__
    return UserError(
        f"{shown(str(file))} is not a readable image ({reason}); restore the file or remove its "
        "row."
    )


def _remove(folder: Path) -> None:
    """What stands in a cache's place."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


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
    originals = pd.DataFrame(rows, columns=COLUMNS[1:])
    originals.insert(0, "image", images)
    originals.to_csv(folder / "originals.csv", index=False)
    write_seal(folder)


def _resize_into(
    pixels: Pixels, open_image: Callable[[int], Image.Image], row: int
) -> tuple[str, str, int, int, int]:
    image = open_image(row)
    digest = hashlib.sha256(str(image.size).encode())
    digest.update(image.tobytes())  # joined with the size, it would be copied
    pixels[row] = resized(image, pixels.shape[1])
    brightest = int(np.asarray(image).max())
    return digest.hexdigest(), row_digest(pixels[row]), image.width, image.height, brightest
