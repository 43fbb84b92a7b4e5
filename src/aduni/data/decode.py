"""The pixels of an image file as 8-bit RGB, whatever its depth, colours and orientation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP")
"""By their content, whatever the name says. Pillow hands other kinds (EPS) to other programs."""


def decoded(file: Path) -> Image.Image:
    """The image upright, as its EXIF orientation says; the first one of an animation.

    Of 16 bits the upper eight count. Transparent pixels lie on black, as around a fundus.

    Raises:
        Exception: whatever Pillow raises; ValueError where the range of values is not known.
    """
    with Image.open(file, formats=FORMATS) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I;16"):  # Pillow would make white of all above 255
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode in ("I", "F"):
            raise ValueError("32-bit grey levels have no agreed range")
        if not image.has_transparency_data:
            return image.convert("RGB")
        coloured = image.convert("RGBA")
    background = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
    return Image.alpha_composite(background, coloured).convert("RGB")


def resized(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) pixels that the models see: bilinear with antialiasing, as in the authors'
    loader.
    """
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
