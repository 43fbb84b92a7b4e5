"""Cache resized images in one memory-mapped uint8 array that is built once for all runs."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from aduni.data.cache.cache_folder import ensure_folder, reserved_map
from aduni.data.cache.decode import ALL_BITS, BeyondRangeError, decode_image, resize_image
from aduni.data.cache.near_copies import SIDE, group_near_copies
from aduni.data.image_table import escape
from aduni.errors import UserError
from aduni.shortage import raise_shortage

SEAL_FILE = "SHA256SUMS"
"""Checksum of originals.csv, which has those of the rows; `sha256sum --check` reads it."""
MAX_FULL_CHECK_BYTES = 2**27
"""Arrays up to this size are always read, in half a second: all of ISIC 2018 at 64 px."""
SAMPLED_ROWS = 16
"""Rows that are read of larger arrays: 7 MB of 4.4 GB at 384 px."""
COLUMNS = ["image", "sha256", "cached", "width", "height", "brightest", "near", "difference"]

Pixels = NDArray[np.uint8]


def row_digest(row: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(row).data).hexdigest()[:16]


def cache_fault(folder: Path, images: list[str], image_size: int, *, every_row: bool) -> str | None:
    """Describe what is wrong with a cache as a clause; None if nothing is.

    Without `every_row`, only a sample of the rows is checked if the array is large and has not been
    modified since its checksums were written.
    """
    try:
        if (folder / SEAL_FILE).read_text() != _seal(folder):
            return "originals.csv has changed"
        originals = read_originals(folder)
        pixels = np.lib.format.open_memmap(folder / "pixels.npy", mode="r")
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except Exception as error:  # numpy's reader of headers raises errors of many kinds
        raise_shortage(error)
        return f"a file cannot be read ({' '.join(str(error).split())})"
    if list(originals.columns) != COLUMNS:
        return "originals.csv is of another version"
    if originals["image"].tolist() != images:
        return "it is of other images"
    shape = (len(images), image_size, image_size, 3)
    if pixels.shape != shape or pixels.dtype != np.uint8 or not pixels.flags.c_contiguous:
        return "pixels.npy is of another kind"
    modified, sealed = ((folder / name).stat().st_mtime_ns for name in ("pixels.npy", SEAL_FILE))
    every = every_row or pixels.nbytes <= MAX_FULL_CHECK_BYTES or modified > sealed
    digests = originals["cached"]
    for row in range(len(images)) if every else _sample_rows(len(images)):
        if row_digest(pixels[row]) != digests[row]:
            return f"the pixels of row {row} have changed"
    return None


def read_originals(folder: Path) -> pd.DataFrame:
    """Read originals.csv, which has one row for each image.

    Columns: image, sha256 (of the original's pixels), cached (digest of the row), width, height,
    brightest (highest value of the original, 0 to 255), near (first row of the group of near and
    exact copies), difference (to the nearest near copy in levels, or NaN).
    """
    texts = dict.fromkeys(("image", "sha256", "cached"), str)
    file, missing = folder / "originals.csv", {"difference": [""]}
    return pd.read_csv(file, dtype=texts, keep_default_na=False, na_values=missing)


def _seal(folder: Path) -> str:
    digest = hashlib.sha256((folder / "originals.csv").read_bytes()).hexdigest()
    return f"{digest}  originals.csv\n"


def _sample_rows(count: int) -> list[int]:
    """Return the first row, the last and evenly spaced rows between them."""
    return sorted(set(np.linspace(0, count - 1, min(count, SAMPLED_ROWS), dtype=int).tolist()))


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


def usable_cpus() -> int:
    """Count the CPUs that this process may use, which a scheduler or container can restrict."""
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
    """Return the cache at `folder`, and build it if it is missing, damaged or of other images.

    It is built under a temporary name and then renamed. Of several processes one builds and the
    others wait. An existing cache is checked by `cache_fault`.

    Args:
        open_image: row -> RGB image in its original size.
        every_row: check all pixels of an existing cache.
        check: called after all images of a new cache were read; if it raises, no cache is left.
    """

    def write(partial_folder: Path) -> None:
        _write(partial_folder, images, open_image, image_size)
        check()

    fault = partial(cache_fault, folder, images, image_size, every_row=every_row)
    ensure_folder(folder, "image cache", fault, write)
    return ImageCache(folder)


def open_rgb(file: Path, bits: int = ALL_BITS) -> Image.Image:
    """Decode an image of a data set by `decode_image`, with errors that name the file."""
    try:
        return decode_image(file, bits)
    except BeyondRangeError as error:
        more = "" if error.min_bits == ALL_BITS else " or more, or auto"
        raise UserError(
            f"{escape(str(file))} {error}; set dataset.bits={error.min_bits}{more}."
        ) from error
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        raise unreadable_error(file, error) from error


def unreadable_error(file: Path, cause: object) -> UserError:
    """Return the error for a file of a data set that is not a readable image."""
    reason = " ".join(str(cause).split()) or type(cause).__name__
    return UserError(
        f"{escape(str(file))} is not a readable image ({reason}); restore the file or remove its "
        "row."
    )


def _write(
    folder: Path, images: list[str], open_image: Callable[[int], Image.Image], image_size: int
) -> None:
    pixels = reserved_map(folder / "pixels.npy", np.uint8, (len(images), image_size, image_size, 3))
    small = reserved_map(folder / "small.npy", np.uint8, (len(images), SIDE, SIDE, 3))
    # Pillow releases the interpreter lock while it decodes and resizes.
    with ThreadPoolExecutor(usable_cpus()) as pool:
        work = pool.map(partial(_resize_into, pixels, small, open_image), range(len(images)))
        try:
            rows = list(track(work, f"Resizing to {image_size} px", total=len(images)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    pixels.flush()
    originals = pd.DataFrame(rows, columns=COLUMNS[1:6])
    originals.insert(0, "image", images)
    near, difference = group_near_copies(small, originals["sha256"].tolist())
    (folder / "small.npy").unlink()
    originals = originals.assign(near=near, difference=difference)
    originals.to_csv(folder / "originals.csv", index=False)
    (folder / SEAL_FILE).write_text(_seal(folder))  # without it the folder is incomplete


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
