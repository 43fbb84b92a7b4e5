"""The pixels of an image file as 8-bit RGB, whatever its depth, colours and orientation."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from aduni.shortage import raise_shortage

FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP")
"""By their content, whatever the name says. Pillow hands other kinds (EPS) to other programs."""


BITS = (8, 10, 12, 14, 16)
"""Of the grey levels that 16-bit files hold."""
ALL_BITS = 16
HIGHEST = 2**16 - 1


class InputFormat(NamedTuple):
    """What a model takes of an image: a square of `side` pixels, its grey levels of `bits`."""

    side: int
    bits: int


class BeyondRangeError(ValueError):
    """A 16-bit image does not hold what `bits` says.

    Attributes:
        fitting: the bits that it needs.
    """

    def __init__(self, problem: str, fitting: int) -> None:
        super().__init__(problem)
        self.fitting = fitting


def decoded(file: Path, bits: int = ALL_BITS) -> Image.Image:
    """The image upright, as its EXIF orientation says; the first one of an animation.

    Of 16-bit files the upper eight of `bits` count. Transparent pixels lie on black, as around a
    fundus.

    Args:
        file: of the image.
        bits: of the grey levels that 16-bit files hold.

    Raises:
        Exception: whatever Pillow raises; ValueError where the range of values is not known,
            BeyondRangeError where it is exceeded.
    """
    with Image.open(file, formats=FORMATS) as image:
        in_16_bits = _is_16_bit(image)
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I;16"):  # Pillow would make white of all above 255
            return _upper_eight(np.asarray(image), bits)
        if image.mode in ("I", "F"):
            raise ValueError("signed or 32-bit grey levels have no agreed range")
        if in_16_bits and bits < ALL_BITS:  # Pillow drops the lower half before we see it
            problem = f"has 16 bits for each colour, of which dataset.bits={bits} is not known"
            raise BeyondRangeError(problem, ALL_BITS)
        if not image.has_transparency_data:
            return image.convert("RGB")
        coloured = image.convert("RGBA")
    background = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
    return Image.alpha_composite(background, coloured).convert("RGB")


def highest_level(file: Path) -> int:
    """The highest grey level of a 16-bit image; of one in 16-bit colours what 16 bits can hold.

    0 for images of 8 bits, and for what is no readable image: who decodes it will say so.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            if not _is_16_bit(image):
                return 0
            if image.mode.startswith("I;16"):
                return int(np.asarray(image).max())
            return HIGHEST
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        return 0


def fitting_bits(levels: Iterable[int]) -> int:
    """The fewest bits that hold all highest levels of 16-bit images; 16 where there is none."""
    highest = max(levels, default=0)
    return next(bits for bits in BITS if highest < 2**bits) if highest else ALL_BITS


def _is_16_bit(image: Image.Image) -> bool:
    """Whether an opened file, not yet loaded, has 16 bits for each level or colour."""
    raw = str(getattr(image, "tile", ""))  # how its file stores it, as Pillow's decoders call it
    coloured = image.format in ("PNG", "TIFF") and image.mode not in ("I", "F")
    return image.mode.startswith("I;16") or (coloured and ";16" in raw)


def _upper_eight(levels: NDArray[np.uint16], bits: int) -> Image.Image:
    highest = int(levels.max())
    if highest >= 2**bits:
        problem = f"has grey levels up to {highest}, and dataset.bits={bits} ends at {2**bits - 1}"
        raise BeyondRangeError(problem, fitting_bits([highest]))
    return Image.fromarray((levels >> (bits - 8)).astype(np.uint8)).convert("RGB")


def resized(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) pixels that the models see: bilinear with antialiasing, as in the authors'
    loader.
    """
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
