"""Tables of shortcut features of all images of a data set, of its originals."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from aduni.data.cache.image_cache import MAX_WAITING
from aduni.data.cache.source_digests import Sources
from aduni.data.image_data import ImageData
from aduni.data.shard import Shard, find_shards
from aduni.data.shortcuts import border, thumbnail
from aduni.errors import UserError
from aduni.system.atomic_files import write_npy
from aduni.system.threads import map_ahead

Kind = Literal["none", "border", "thumbnail", "file"]

VERSION = "shortcuts 1"
"""Part of the name of stored features; to be raised with every change of what they are."""
MAX_SIDE = 256
"""Longest side, in pixels, to which an original is reduced before it is measured."""
PIXEL_NAMES = (*border.NAMES, *thumbnail.NAMES)

Features = NDArray[np.float32]


def shortcut_features(data: ImageData, kind: Kind) -> pd.DataFrame:
    """Return the features of a kind, a row for each image and a column for each feature."""
    if kind == "none":
        return pd.DataFrame(index=range(len(data.table.images)))
    if kind == "file":
        return file_features(data)
    names = border.NAMES if kind == "border" else thumbnail.NAMES
    frame = pd.DataFrame(_pixel_features(data), columns=list(PIXEL_NAMES))
    return frame[list(names)]


def file_features(data: ImageData) -> pd.DataFrame:
    """Return size and format of the files; raise UserError for a data set without image files."""
    files = data.table.files
    if files is None:
        raise UserError(
            f"{data.title} has no image files whose size could be a shortcut; leave "
            "shortcut_file out."
        )
    originals, sizes = data.cache.originals, data.sources.status[:, 0]
    pixels = originals["width"] * originals["height"]
    frame = pd.DataFrame(
        {
            "width": originals["width"],
            "height": originals["height"],
            "width to height": originals["width"] / originals["height"],
            "bytes": sizes,
            "bytes per pixel": sizes / pixels,
        }
    )
    suffixes = pd.Series([file.suffix.lower() for file in files])
    formats = {f"suffix {suffix}": suffixes == suffix for suffix in sorted(suffixes.unique())}
    return frame.assign(**formats).astype(np.float64)


def _pixel_features(data: ImageData) -> Features:
    """Read the features of the pixels, or compute and store them beside the image cache."""
    count, file = len(data.table.images), _file(data, data.sources)
    stored = _read(file, count)
    if stored is not None:
        return stored
    prefix = data.cache_dir / f"{data.title}-shortcuts-"
    shards = find_shards(prefix, lambda shard: _file(data, data.sources_of(shard), shard))
    features = np.full((count, len(PIXEL_NAMES)), np.nan, dtype=np.float32)
    for shard, path in shards.items():
        own = _read(path, len(range(count)[shard.every])) if path else None
        if own is not None:
            features[shard.every] = own
    left = np.flatnonzero(np.isnan(features[:, 0]))
    features[left] = _measured(data, left.tolist())
    data.sources.check_unchanged()
    write_npy(features, file)
    for path in filter(None, shards.values()):
        path.unlink(missing_ok=True)
    return features


def measure_shard(data: ImageData, shard: Shard) -> None:
    """Store the features of the pixels of a shard, whose cache was built."""
    rows = range(len(data.table.images))[shard.every]
    file = _file(data, data.sources, shard)
    if _read(file, len(rows)) is None:
        features = _measured(data, rows)
        data.sources.check_unchanged()
        write_npy(features, file)


def _file(data: ImageData, sources: Sources, shard: Shard | None = None) -> Path:
    images = data.table.images[shard.every] if shard else data.table.images
    key = sources.key([data.title, VERSION, *images], data.bits)
    return data.cache_dir / f"{data.title}-shortcuts-{key}{shard.suffix if shard else ''}.npy"


def _read(file: Path, count: int) -> Features | None:
    """Return stored features; None if they are missing or damaged."""
    try:
        stored: Features = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = stored.shape == (count, len(PIXEL_NAMES)) and stored.dtype == np.float32
    return stored if fits and np.isfinite(stored).all() else None


def _measured(data: ImageData, rows: Sequence[int]) -> Features:
    work = map_ahead(lambda row: measure(data.open_image(row)), rows, MAX_WAITING)
    values = list(track(work, "Measuring borders and colours", total=len(rows)))
    return np.array(values, dtype=np.float32).reshape(-1, len(PIXEL_NAMES))


def measure(image: Image.Image) -> NDArray[np.float64]:
    """Return the features of PIXEL_NAMES for an RGB image, reduced by a whole number."""
    pixels = np.asarray(image.reduce(math.ceil(max(image.size) / MAX_SIDE)))
    red, green, blue = np.moveaxis(pixels, 2, 0)
    levels = np.maximum(np.maximum(red, green), blue)  # a maximum over the last axis is slow
    values = border.measure_border(levels), thumbnail.measure_thumbnail(pixels)
    return np.concatenate(values)
