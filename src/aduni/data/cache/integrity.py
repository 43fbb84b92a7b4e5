"""Check that a cache of images is complete, undamaged and of the right images."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.shortage import raise_shortage

SEAL_FILE = "SHA256SUMS"
"""Checksum of originals.csv, which has those of the rows; `sha256sum --check` reads it."""
MAX_FULL_CHECK_BYTES = 2**27
"""Arrays up to this size are always read, in half a second: all of ISIC 2018 at 64 px."""
SAMPLED_ROWS = 16
"""Rows that are read of larger arrays: 7 MB of 4.4 GB at 384 px."""
ROW_COLUMNS = ["sha256", "cached", "width", "height", "brightest"]
"""Columns that a row has by itself."""
SHARD_COLUMNS = ["image", *ROW_COLUMNS]
COLUMNS = [*SHARD_COLUMNS, "near", "difference"]


def row_digest(row: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(row).data).hexdigest()[:16]


def cache_fault(
    folder: Path,
    images: list[str],
    image_size: int,
    *,
    every_row: bool,
    columns: list[str] = COLUMNS,
) -> str | None:
    """Describe what is wrong with a cache, or a shard of one, as a clause; None if nothing is.

    Without `every_row`, only a sample of the rows is checked if the array is large and has not been
    modified since its checksums were written.
    """
    try:
        if (folder / SEAL_FILE).read_text() != seal(folder):
            return "originals.csv has changed"
        originals = read_originals(folder)
        pixels = np.lib.format.open_memmap(folder / "pixels.npy", mode="r")
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except Exception as error:  # numpy's reader of headers raises errors of many kinds
        raise_shortage(error)
        return f"a file cannot be read ({' '.join(str(error).split())})"
    if list(originals.columns) != columns:
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


def seal(folder: Path) -> str:
    """Return the content of SHA256SUMS."""
    digest = hashlib.sha256((folder / "originals.csv").read_bytes()).hexdigest()
    return f"{digest}  originals.csv\n"


def _sample_rows(count: int) -> list[int]:
    """Return the first row, the last and evenly spaced rows between them."""
    return sorted(set(np.linspace(0, count - 1, min(count, SAMPLED_ROWS), dtype=int).tolist()))
