"""Cache a frozen encoder's features of all images, and of augmented draws of them."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.cache.cache_folder import ensure_folder, reserved_map
from aduni.data.loading.samplers import Ints
from aduni.data.shard import Shard, find_shards, shard_folder
from aduni.errors import warn
from aduni.shortage import raise_shortage

log = logging.getLogger(__name__)

Features = NDArray[np.float32]

ARRAY_FILE = "features.npy"
SEAL_FILE = "SHA256SUMS"
"""Checksum of the array; `sha256sum --check` reads it."""
MAX_FULL_CHECK_BYTES = 2**30
"""Arrays up to this size are read at every start, in about a second."""


@dataclass(frozen=True)
class FeatureCache:
    """Complete folder of features; each process opens the array itself."""

    folder: Path

    @cached_property
    def features(self) -> Features:
        """Features (1 + V, n, D) of the unaugmented images, then of V augmented draws of each."""
        array: Features = np.load(self.folder / ARRAY_FILE, mmap_mode="r", allow_pickle=False)
        return array

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}


def build_feature_cache(
    folder: Path,
    shape: tuple[int, int, int],
    fill: Callable[[Features], None],
    is_current: Callable[[Features], bool],
) -> FeatureCache:
    """Return the cache at `folder`, and build it if it is missing, damaged or out of date.

    Args:
        shape: (1 + V, n, D).
        fill: writes all features into an array of this shape.
        is_current: tells whether an intact array has the features that `fill` would write.
    """

    def write(partial_folder: Path) -> None:
        array = reserved_map(partial_folder / ARRAY_FILE, np.float32, shape)
        fill(array)
        array.flush()
        (partial_folder / SEAL_FILE).write_text(_seal(partial_folder))

    ensure_folder(folder, "cache of features", partial(_fault, folder, shape, is_current), write)
    return FeatureCache(folder)


def take_shards(
    features: Features,
    folder: Path,
    rows_of: Callable[[Shard], Ints],
    is_current: Callable[[Ints, Features], bool],
    merged: list[Path],
) -> Ints:
    """Copy the features of finished shards, and return the rows that are left.

    Args:
        features: (1 + V, n, D), to be filled.
        folder: folder of all features, beside which those of the shards are.
        rows_of: rows of a shard.
        is_current: tells whether intact features of some rows are those that would be extracted.
        merged: list to which the shards' folders are added.
    """
    is_left = np.ones(features.shape[1], dtype=bool)
    for shard, path in find_shards(folder, partial(shard_folder, folder)).items():
        rows = rows_of(shard)
        shape = (features.shape[0], len(rows), features.shape[2])
        current = partial(is_current, rows)
        fault = _fault(path, shape, current) if path else "it is missing"
        if path and not fault:
            own = FeatureCache(path).features
            for draw in range(len(features)):
                features[draw, rows] = own[draw]
            is_left[rows] = False
            merged.append(path)
        else:
            warn(log, f"The features of {len(rows)} images, shard {shard}, are extracted: {fault}.")
    return np.flatnonzero(is_left)


def _fault(
    folder: Path, shape: tuple[int, int, int], is_current: Callable[[Features], bool]
) -> str | None:
    """Describe what is wrong with a cache as a clause; None if nothing is."""
    array_file, seal_file = folder / ARRAY_FILE, folder / SEAL_FILE
    try:
        array = np.lib.format.open_memmap(array_file, mode="r")
        if array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
            return f"{ARRAY_FILE} is of another kind"
        is_newer = array_file.stat().st_mtime_ns > seal_file.stat().st_mtime_ns
        reread = is_newer or array.nbytes <= MAX_FULL_CHECK_BYTES
        if reread and seal_file.read_text() != _seal(folder):
            return f"{ARRAY_FILE} has changed"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except Exception as error:  # numpy's reader of headers raises errors of many kinds
        raise_shortage(error)
        return f"a file cannot be read ({' '.join(str(error).split())})"
    return None if is_current(array) else "the encoder computes other features now"


def _seal(folder: Path) -> str:
    with (folder / ARRAY_FILE).open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {ARRAY_FILE}\n"
