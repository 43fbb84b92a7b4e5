"""Images that a caller gives: paths, arrays or Pillow images."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from aduni.errors import UserError
from aduni.inference.images import GivenImage, Source, image_files

One = str | os.PathLike[str] | NDArray[Any] | Image.Image
Images = One | Iterable[One] | pd.DataFrame
"""A path, folder, array or Pillow image, or several; or a table with a column image of paths."""


def list_images(images: Images) -> list[Source]:
    """Return the images one by one, those in memory with their number as name.

    Raises:
        UserError: if there is no image, or one has another type or shape.
    """
    found: list[Source] = []
    for image in _several(images):
        if isinstance(image, str | os.PathLike):
            found += image_files([os.fspath(image)])
        else:
            found.append(GivenImage(str(len(found)), _as_image(image, len(found))))
    if not found:
        raise UserError("There is no image in the list; give at least one.")
    return found


def _several(images: Images) -> Iterable[One]:
    """Return the images as a sequence: an array of four dimensions is one."""
    if isinstance(images, pd.DataFrame):
        return table_paths(images)
    if isinstance(images, np.ndarray) and images.dtype != object:
        return images if images.ndim == 4 else [images]
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if not isinstance(images, Iterable):
        raise UserError(
            f"images is of the type {type(images).__name__}; give a path, an array, a Pillow image "
            "or a list of these."
        )
    return images


def table_paths(frame: pd.DataFrame) -> list[str]:
    """Return the paths in the column image; raise UserError if there is none, or one is no path."""
    if "image" not in frame.columns:
        columns = ", ".join(map(str, frame.columns))
        raise UserError(
            f"The data frame has no column image; rename that of the paths (its columns are "
            f"{columns})."
        )
    for place, path in enumerate(frame["image"]):
        if not isinstance(path, str | os.PathLike):
            raise UserError(
                f"The data frame has {path!r} in row {place} of its column image, which is no "
                "path; correct it, or leave the row out."
            )
    return [os.fspath(path) for path in frame["image"]]


def _as_image(image: Any, number: int) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    if not isinstance(image, np.ndarray):
        raise UserError(
            f"Image {number} is of the type {type(image).__name__}; give a path, an array or a "
            "Pillow image."
        )
    is_grey = image.ndim == 2 and image.dtype in (np.uint8, np.uint16)
    is_colour = image.ndim == 3 and image.shape[2] in (1, 3) and image.dtype == np.uint8
    if not (is_grey or is_colour) or 0 in image.shape:
        raise UserError(
            f"Image {number} is an array {image.shape} of {image.dtype}; give (H, W) or (H, W, 3) "
            "of uint8, 0 to 255, or (H, W) of uint16."
        )
    return Image.fromarray(image[:, :, 0] if is_colour and image.shape[2] == 1 else image)
