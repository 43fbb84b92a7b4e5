"""Decode DICOM files to 8-bit RGB, as a viewer shows them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aduni.shortage import raise_shortage

EXTRA = "is a DICOM file, which needs the package pydicom (pip install 'aduni[dicom]')"


class NeedsPackageError(ValueError):
    """Raised when a file may be whole, but a package that reads it is not installed."""


def is_dicom(file: Path) -> bool:
    """Return whether a file has DICOM's mark behind its preamble."""
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def decode_dicom(file: Path) -> Image.Image:
    """Decode the only frame of a DICOM file.

    Grey levels are rescaled, mapped by the file's VOI LUT or window, else from the image's lowest
    and highest level as in viewers, to 0..255, and inverted for MONOCHROME1. Colours must have 8
    bits.

    Raises:
        NeedsPackageError: if pydicom or the codec of the transfer syntax is missing.
        ValueError: for several frames, other colours, no pixels, or no transfer syntax.
        Exception: whatever pydicom raises for a damaged file.
    """
    try:
        import pydicom
    except ImportError as error:
        raise NeedsPackageError(EXTRA) from error
    content = pydicom.dcmread(file)
    frames = int(content.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ValueError(f"has {frames} frames, of which none can be chosen: export one")
    if "PixelData" not in content:
        raise ValueError("is a DICOM file without pixels")
    _check_codec(content)
    if content.Rows * content.Columns > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
        raise ValueError(f"has {content.Rows} x {content.Columns} pixels, too many to be an image")
    pixels, kind = _pixels(content), content.PhotometricInterpretation
    if kind in ("MONOCHROME1", "MONOCHROME2"):
        grey = _window(content, pixels)
        return Image.fromarray(255 - grey if kind == "MONOCHROME1" else grey).convert("RGB")
    if pixels.dtype != np.uint8 or pixels.ndim != 3:  # YBR was converted by pydicom
        raise ValueError(f"has colours ({kind}, {pixels.dtype}) other than RGB of 8 bits")
    return Image.fromarray(pixels)


def _check_codec(content: Any) -> None:
    """Raise ValueError if no decoder of the transfer syntax is installed; name the packages."""
    from pydicom.pixels.decoders.base import get_decoder

    syntax = content.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise ValueError("is a DICOM file that does not say how its pixels are stored (0002,0010)")
    if not syntax.is_compressed:
        return
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise ValueError(
            f"is compressed as {syntax.name} ({syntax}), which has no codec"
        ) from error
    if not decoder.is_available:
        needs = "; or ".join(decoder.missing_dependencies)
        raise NeedsPackageError(
            f"is compressed as {syntax.name} ({syntax}), whose codec is missing: {needs}"
        )


def _pixels(content: Any) -> NDArray[Any]:
    """Decode the pixels; name the other codecs if those that are installed cannot."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    try:
        return pixel_array(content)
    except RuntimeError as error:
        raise_shortage(error)
        syntax = content.file_meta.TransferSyntaxUID
        others = get_decoder(syntax).missing_dependencies if syntax.is_compressed else []
        if not others:
            raise
        reason = str(error).partition(":")[2].strip() or error
        raise NeedsPackageError(
            f"is compressed as {syntax.name} ({syntax}), which the installed codec cannot decode: "
            f"{reason}; others are {'; or '.join(others)}"
        ) from error


def _window(content: Any, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Map stored grey levels to 0..255 by the modality's rescale and the VOI LUT or window."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    levels = apply_modality_lut(pixels, content)
    if not (content.get("VOILUTSequence") or content.get("WindowCenter") is not None):
        return _scaled(levels, levels.min(), levels.max())
    if tables := content.get("VOILUTSequence"):
        entries, first, _ = tables[0].LUTDescriptor
        # pydicom 3.0 lets levels beyond a table of 8 bits overflow.
        levels = np.clip(levels, first, first + (entries or 2**16) - 1)
    return _scaled(apply_voi_lut(levels, content), *_range(content))


def _scaled(levels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (levels.astype(np.float64) - low) / max(high - low, 1e-12) * 255
    return np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)


def _range(content: Any) -> tuple[float, float]:
    """Return the lowest and highest value of windowed levels (PS3.3, C.11.2.1.2)."""
    for name in ("VOILUTSequence", "ModalityLUTSequence"):
        if content.get(name):
            return 0, 2 ** content[name][0].LUTDescriptor[2] - 1
    bits = content.BitsStored
    low = -(2 ** (bits - 1)) if content.PixelRepresentation else 0
    ends = [
        end * float(content.get("RescaleSlope", 1)) + float(content.get("RescaleIntercept", 0))
        for end in (low, low + 2**bits - 1)
    ]
    return min(ends), max(ends)
