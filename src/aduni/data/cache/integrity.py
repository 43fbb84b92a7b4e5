"""Is a cache folder whole, and of these images?"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.shortage import raise_shortage

SEAL = "SHA256SUMS"
"""Checksum of originals.csv, in which stand those of the rows; `sha256sum --check` reads it."""
WHOLE = 2**27
"""Bytes of pixels that every start reads, in half a second: all of ISIC 2018 at 64 px."""
SAMPLED = 16
"""Rows that it reads of larger arrays: 7 MB at 384 px, of 4.4 GB."""
COLUMNS = ["image", "sha256", "cached", "width", "height", "brightest"]
"""Of originals.csv."""


def write_seal(folder: Path) -> None:
    """Last of all files: a folder without it is not whole."""
    (folder / SEAL).write_text(_seal(folder))


def row_digest(row: NDArray[np.uint8]) -> str:
    """Of one resized image."""
    return hashlib.sha256(np.ascontiguousarray(row).data).hexdigest()[:16]


def cache_fault(folder: Path, images: list[str], image_size: int, *, every_row: bool) -> str | None:
    """What is wrong with a cache, in a few words; None if nothing is.

    Args:
        folder: of the cache.
        images: identifiers that it is to have, in order.
        image_size: side of its images.
        every_row: read all pixels; those of a large array that was not written to since it was
            sealed are sampled otherwise.
    """
    try:
        if (folder / SEAL).read_text() != _seal(folder):
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
    whole = every_row or pixels.nbytes <= WHOLE or _written_since(folder)
    rows = range(len(images)) if whole else _sample(len(images))
    spoilt = _spoilt(pixels, originals["cached"].tolist(), rows)
    return None if spoilt is None else f"the pixels of row {spoilt} have changed"


def read_originals(folder: Path) -> pd.DataFrame:
    """One row for each image.

    Columns image, sha256 (of the original's pixels), cached (of the row's), width, height,
    brightest (the original's highest value, 0 to 255).
    """
    texts = dict.fromkeys(("image", "sha256", "cached"), str)
    return pd.read_csv(folder / "originals.csv", dtype=texts, keep_default_na=False)


def _seal(folder: Path) -> str:
    digest = hashlib.sha256((folder / "originals.csv").read_bytes()).hexdigest()
    return f"{digest}  originals.csv\n"


def _written_since(folder: Path) -> bool:
    return (folder / "pixels.npy").stat().st_mtime_ns > (folder / SEAL).stat().st_mtime_ns


def _sample(count: int) -> list[int]:
    """The first row, the last, and rows evenly between them."""
    return sorted(set(np.linspace(0, count - 1, min(count, SAMPLED), dtype=int).tolist()))


def _spoilt(pixels: NDArray[np.uint8], expected: list[str], rows: range | list[int]) -> int | None:
    """The first row whose digest is not the expected one."""
    return next((row for row in rows if row_digest(pixels[row]) != expected[row]), None)
