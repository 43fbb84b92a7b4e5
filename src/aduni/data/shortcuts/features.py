"""Tables of shortcut features of all images of a data set, of its originals."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from aduni.data.cache.image_cache import usable_cpus
from aduni.data.module import ImageDataModule
from aduni.data.shortcuts import border, thumbnail
from aduni.errors import UserError
from aduni.system.atomic_files import write_npy

Kind = Literal["none", "border", "thumbnail", "file"]

VERSION = "shortcuts 1"
"""Part of the name of stored features; to be raised with every change of what they are."""
MAX_SIDE = 256
"""Longest side, in pixels, to which an original is reduced before it is measured."""
PIXEL_NAMES = (*border.NAMES, *thumbnail.NAMES)


def shortcut_features(data: ImageDataModule, kind: Kind) -> pd.DataFrame:
    """Return the features of a kind, a row for each image and a column for each feature."""
    if kind == "none":
        return pd.DataFrame(index=range(len(data.table.images)))
    if kind == "file":
        return file_features(data)
    names = border.NAMES if kind == "border" else thumbnail.NAMES
    frame = pd.DataFrame(_pixel_features(data), columns=list(PIXEL_NAMES))
    return frame[list(names)]


def file_features(data: ImageDataModule) -> pd.DataFrame:
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


def _pixel_features(data: ImageDataModule) -> NDArray[np.float32]:
    """Read the features of the pixels, or compute and store them beside the image cache."""
    images = data.table.images
    key = data.sources.key([data.title, VERSION, *images], data.bits)
    file = data.cache_dir / f"{data.title}-shortcuts-{key}.npy"
    shape = (len(images), len(PIXEL_NAMES))
    try:
        stored: NDArray[np.float32] = np.load(file, allow_pickle=False)
        if stored.shape == shape and stored.dtype == np.float32 and np.isfinite(stored).all():
            return stored
    except (OSError, ValueError, EOFError):  # missing, or damaged
        pass
    with ThreadPoolExecutor(usable_cpus()) as pool:
        work = pool.map(lambda row: measure(data.open_image(row)), range(len(images)))
        try:
            rows = list(track(work, "Measuring borders and colours", total=len(images)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    data.sources.check_unchanged()
    features = np.array(rows, dtype=np.float32)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_npy(features, file)
    return features


def measure(image: Image.Image) -> NDArray[np.float64]:
    """Return the features of PIXEL_NAMES for an RGB image, reduced by a whole number."""
    pixels = np.asarray(image.reduce(math.ceil(max(image.size) / MAX_SIDE)))
    red, green, blue = np.moveaxis(pixels, 2, 0)
    levels = np.maximum(np.maximum(red, green), blue)  # a maximum over the last axis is slow
    values = border.measure_border(levels), thumbnail.measure_thumbnail(pixels)
    return np.concatenate(values)
