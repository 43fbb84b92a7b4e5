"""Decode image files of any depth, colour mode and orientation to 8-bit RGB."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from aduni.data.cache.dicom import NeedsPackageError, decode_dicom, is_dicom
from aduni.shortage import raise_shortage

FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP")
"""Formats that are tried on a file's content, beside AVIF, HEIC and DICOM.

Pillow would run other programs for EPS.
"""

BITS = (8, 10, 12, 14, 16)
"""Bit depths that the grey levels of a 16-bit file may have."""
ALL_BITS = 16
MAX_LEVEL = 2**16 - 1


class InputFormat(NamedTuple):
    """Input of a model: squares of `side` pixels, from 16-bit files with grey levels of `bits`."""

    side: int
    bits: int


class BeyondRangeError(ValueError):
    """Raised when a 16-bit image exceeds the expected bit depth; it needs `min_bits`."""

    def __init__(self, problem: str, min_bits: int) -> None:
        super().__init__(problem)
        self.min_bits = min_bits


def decode_image(file: Path, bits: int = ALL_BITS) -> Image.Image:
    """Decode an image file, rotated by its EXIF orientation; of an animation the first image.

    Of 16-bit files the upper eight of `bits` are used. Transparent pixels become black, the colour
    around a fundus.

    Raises:
        Exception: whatever Pillow raises; ValueError if the range of values is unknown,
            BeyondRangeError if it is exceeded.
    """
    if is_dicom(file):
        return decode_dicom(file)
    with _open(file) as image:
        return convert_image(image, bits)


def convert_image(image: Image.Image, bits: int = ALL_BITS) -> Image.Image:
    """Convert an opened image as `decode_image` does; raises what it raises."""
    in_16_bits = _is_16_bit(image)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # Pillow would clip all levels above 255 to white
        return _upper_eight_bits(np.asarray(image), bits)
    if image.mode in ("I", "F"):
        raise ValueError("signed or 32-bit grey levels have no agreed range")
    if in_16_bits and bits < ALL_BITS:  # Pillow has dropped the lower 8 bits
        problem = f"has 16 bits for each colour, for which dataset.bits={bits} is not supported"
        raise BeyondRangeError(problem, ALL_BITS)
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    background = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
    return Image.alpha_composite(background, coloured).convert("RGB")


def _open(file: Path) -> Image.Image:
    try:
        return Image.open(file, formats=formats(file))
    except UnidentifiedImageError as error:
        if file.suffix.lower() not in (".dcm", ".dicom"):
            raise
        raise ValueError(
            "lacks the header by which a DICOM file says how it is stored: export it once more"
        ) from error


def formats(file: Path) -> tuple[str, ...]:
    """Return the formats to try; raise NeedsPackageError if HEIC lacks its package."""
    with file.open("rb") as opened:
        mark = opened.read(12)[4:]
    if mark == b"ftypavif":
        return ("AVIF",)
    if mark[:4] != b"ftyp":
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        needs = "the package pillow-heif (pip install 'aduni[heic]')"
        raise NeedsPackageError(f"is a HEIC file, which needs {needs}") from error
    register_heif_opener()
    return ("HEIF",)


def highest_level(file: Path) -> int:
    """Return the highest grey level of a 16-bit image, 65535 for one with 16 bits a colour.

    It is 0 for 8-bit images, and for unreadable files, which `decode_image` reports.
    """
    try:
        with Image.open(file, formats=formats(file)) as image:
            if not _is_16_bit(image):
                return 0
            if image.mode.startswith("I;16"):
                return int(np.asarray(image).max())
            return MAX_LEVEL
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        return 0


def min_bits(levels: Iterable[int]) -> int:
    """Return the smallest bit depth for these highest levels of images; 16 if none is 16-bit."""
    highest = max(levels, default=0)
    return next(bits for bits in BITS if highest < 2**bits) if highest else ALL_BITS


def _is_16_bit(image: Image.Image) -> bool:
    """Return whether an opened file, not yet loaded, has 16 bits per level or colour."""
    raw = str(getattr(image, "tile", ""))  # has the raw mode of the file, which `mode` hides
    coloured = image.format in ("PNG", "TIFF") and image.mode not in ("I", "F")
    return image.mode.startswith("I;16") or (coloured and ";16" in raw)


def _upper_eight_bits(levels: NDArray[np.uint16], bits: int) -> Image.Image:
    highest = int(levels.max())
    if highest >= 2**bits:
        problem = f"has grey levels up to {highest}, and dataset.bits={bits} ends at {2**bits - 1}"
        raise BeyondRangeError(problem, min_bits([highest]))
    return Image.fromarray((levels >> (bits - 8)).astype(np.uint8)).convert("RGB")


def resize_image(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Resize to (side, side, 3): bilinear with antialiasing, as in the authors' loader."""
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
