"""Cache resized images in one memory-mapped uint8 array that is built once for all runs."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from aduni.data.cache.cache_folder import ensure_folder, reserved_map
from aduni.data.cache.decode import ALL_BITS, BeyondRangeError, decode_image, resize_image
from aduni.data.cache.dicom import NeedsPackageError
from aduni.data.cache.integrity import (
    ROW_COLUMNS,
    SEAL_FILE,
    SHARD_COLUMNS,
    cache_fault,
    read_originals,
    row_digest,
    seal,
)
from aduni.data.cache.near_copies import SIDE, group_near_copies
from aduni.data.names import escape
from aduni.data.shard import Shard, remove_shards
from aduni.errors import UserError, warn
from aduni.shortage import raise_shortage
from aduni.system.threads import map_ahead

MAX_WAITING = 256
"""Rows that may be resized before an earlier one is done."""

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageCache:
    """Complete cache folder.

    Each process opens the array itself, because a memory map that is sent to another process
    arrives as a copy of the whole array.
    """

    folder: Path

    @cached_property
    def pixels(self) -> Pixels:
        """Resized images (n, H, W, 3) uint8, read-only, in the order of the image table."""
        pixels: Pixels = np.load(self.folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
        return pixels

    @cached_property
    def originals(self) -> pd.DataFrame:
        """Table of the original images, as from `read_originals`."""
        return read_originals(self.folder)

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}


def build_cache(
    folder: Path,
    images: list[str],
    open_image: Callable[[int], Image.Image],
    image_size: int,
    *,
    every_row: bool = False,
    check: Callable[[], None] = lambda: None,
    shards: Callable[[], dict[Shard, Path | None]] = dict,
) -> ImageCache:
    """Return the cache at `folder`, and build it if it is missing, damaged or of other images.

    It is built under a temporary name and then renamed. Of several processes one builds and the
    others wait. An existing cache is checked by `cache_fault`.

    Args:
        open_image: row -> RGB image in its original size.
        every_row: check all pixels of an existing cache.
        check: called after all images of a new cache were read; if it raises, no cache is left.
        shards: finds the folders of shards, from which a new cache takes rows, and which are
            removed then; None for missing ones, whose rows are resized here.
    """
    merged: dict[Shard, Path] = {}

    def write(partial_folder: Path) -> None:
        merged.update(_whole_shards(shards(), images, image_size))
        small, originals = _write(partial_folder, images, open_image, image_size, merged)
        near, difference = group_near_copies(small, originals["sha256"].tolist())
        (partial_folder / "small.npy").unlink()
        _finish(partial_folder, originals.assign(near=near, difference=difference))
        check()

    fault = partial(cache_fault, folder, images, image_size, every_row=every_row)
    ensure_folder(folder, "image cache", fault, write)
    remove_shards(merged.values())
    return ImageCache(folder)


def build_shard(
    folder: Path,
    images: list[str],
    open_image: Callable[[int], Image.Image],
    image_size: int,
    check: Callable[[], None],
) -> None:
    """Build a shard: a cache of its images alone, without groups of near copies.

    Args:
        images: images of the shard.
        open_image: row of the shard -> RGB image in its original size.
        image_size: see `build_cache`.
        check: see `build_cache`.
    """

    def write(partial_folder: Path) -> None:
        _finish(partial_folder, _write(partial_folder, images, open_image, image_size, {})[1])
        check()

    fault = partial(_shard_fault, folder, images, image_size)
    ensure_folder(folder, "shard of the image cache", fault, write)


def _whole_shards(
    shards: dict[Shard, Path | None], images: list[str], image_size: int
) -> dict[Shard, Path]:
    """Return the shards without a fault; say which ones are resized here instead."""
    whole = {}
    for shard, folder in shards.items():
        own = images[shard.every]
        fault = _shard_fault(folder, own, image_size) if folder else "it is missing"
        if folder and not fault:
            whole[shard] = folder
        else:
            warn(log, f"The {len(own)} images of shard {shard} are resized here: {fault}.")
    return whole


def _shard_fault(folder: Path, images: list[str], image_size: int) -> str | None:
    return cache_fault(folder, images, image_size, every_row=True, columns=SHARD_COLUMNS)


def open_rgb(file: Path, bits: int = ALL_BITS) -> Image.Image:
    """Decode an image of a data set by `decode_image`, with errors that name the file."""
    try:
        return decode_image(file, bits)
    except BeyondRangeError as error:
        more = "" if error.min_bits == ALL_BITS else " or more, or auto"
        raise UserError(
            f"{escape(str(file))} {error}; set dataset.bits={error.min_bits}{more}."
        ) from error
    except NeedsPackageError as error:
        remedy = "install that package, or save the image as PNG"
        raise unreadable_error(file, error, remedy) from error
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        raise unreadable_error(file, error) from error


def unreadable_error(
    file: Path, cause: object, remedy: str = "restore the file or remove its row"
) -> UserError:
    """Return the error for a file of a data set that is not a readable image."""
    reason = " ".join(str(cause).split()) or type(cause).__name__
    return UserError(f"{escape(str(file))} is not a readable image ({reason}); {remedy}.")


def _write(
    folder: Path,
    images: list[str],
    open_image: Callable[[int], Image.Image],
    image_size: int,
    shards: dict[Shard, Path],
) -> tuple[Pixels, pd.DataFrame]:
    """Write pixels.npy and small.npy; return the latter and the table of SHARD_COLUMNS."""
    pixels = reserved_map(folder / "pixels.npy", np.uint8, (len(images), image_size, image_size, 3))
    small = reserved_map(folder / "small.npy", np.uint8, (len(images), SIDE, SIDE, 3))
    rows: list[Any] = [None] * len(images)
    for shard, copied in shards.items():
        pixels[shard.every] = np.load(copied / "pixels.npy", mmap_mode="r")
        small[shard.every] = np.load(copied / "small.npy", mmap_mode="r")
        rows[shard.every] = read_originals(copied)[ROW_COLUMNS].itertuples(index=False, name=None)
    left = [row for row, content in enumerate(rows) if content is None]
    work = map_ahead(partial(_resize_into, pixels, small, open_image), left, MAX_WAITING)
    text = f"Resizing to {image_size} px"
    for row, content in zip(left, track(work, text, total=len(left)), strict=True):
        rows[row] = content
    pixels.flush()
    small.flush()
    originals = pd.DataFrame(rows, columns=ROW_COLUMNS)
    originals.insert(0, "image", images)
    return small, originals


def _finish(folder: Path, originals: pd.DataFrame) -> None:
    originals.to_csv(folder / "originals.csv", index=False)
    (folder / SEAL_FILE).write_text(seal(folder))  # without it the folder is incomplete


def _resize_into(
    pixels: Pixels, small: Pixels, open_image: Callable[[int], Image.Image], row: int
) -> tuple[str, str, int, int, int]:
    image = open_image(row)
    digest = hashlib.sha256(str(image.size).encode())
    digest.update(image.tobytes())  # separate, because joining it with the size would copy it
    pixels[row] = resize_image(image, pixels.shape[1])
    small[row] = resize_image(image, SIDE)
    brightest = int(np.asarray(image).max())
    return digest.hexdigest(), row_digest(pixels[row]), image.width, image.height, brightest
