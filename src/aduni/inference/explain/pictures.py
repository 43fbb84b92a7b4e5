"""Draw heat maps over images and encode images for a page without other files."""

import io
import re
from base64 import b64encode
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from aduni.system.atomic_files import name_file_in_errors

Pixels = NDArray[np.uint8]

IMAGE_SIZE = 256
"""Side of an image beside its heat map, pixels."""
THUMBNAIL_SIZE = 128
COLOUR_MAP = "winter"
"""Blue to green, colours that neither skin nor a retina has."""
MAX_OPACITY = 0.6
"""Opacity of a heat map at its maximum."""
GAP = 8  # pixels


def overlay(picture: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """Draw a heat map over a picture, scaled to the map's maximum and transparent at 0.

    Args:
        picture: (S, S, 3).
        heat: (S, S), non-negative.
    """
    scaled = heat / max(float(heat.max()), float(np.finfo(np.float32).tiny))
    colours = colormaps[COLOUR_MAP](scaled)[..., :3] * 255
    opacity = MAX_OPACITY * scaled[..., None]
    mixed: Pixels = np.round((1 - opacity) * picture + opacity * colours).astype(np.uint8)
    return mixed


def side_by_side(pictures: list[Pixels]) -> Image.Image:
    """Arrange pictures of the same height in a row on white."""
    height = pictures[0].shape[0]
    width = sum(p.shape[1] for p in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, height), "white")
    left = 0
    for picture in pictures:
        row.paste(Image.fromarray(picture), (left, 0))
        left += picture.shape[1] + GAP
    return row


def save_heat_map(picture: Pixels, heat: NDArray[np.float32] | None, file: Path) -> str:
    """Save a picture beside its overlay and return the overlay's data URI, empty without a map."""
    if heat is None:
        return ""
    overlaid = overlay(picture, heat)
    with name_file_in_errors(file):
        side_by_side([picture, overlaid]).save(file, "PNG")
    return data_uri(overlaid)


def safe_file_name(name: str) -> str:
    """Shorten a name and replace the characters that file systems or shells may not accept."""
    return re.sub(r"[^\w.-]+", "_", name)[:50]


def data_uri(picture: Pixels) -> str:
    """Encode a picture as the data URI of a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"


def css_gradient() -> str:
    """Return the CSS colours of the heat maps from 0 to the maximum."""
    stops = colormaps[COLOUR_MAP](np.linspace(0, 1, 9))[:, :3] * 255
    return ", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in stops)
