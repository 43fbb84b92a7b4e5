"""Pictures for the page: heat maps, thumbnails, and files that need no other."""

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

SHOWN = 256
"""Side of a picture beside its heat map, pixels."""
THUMB = 128
COLOURS = "winter"
"""From blue to green, which neither skin nor a retina is."""
STRENGTH = 0.6
"""Opacity of the heat map's hottest place."""
GAP = 8


def overlay(picture: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """The picture under a heat map, which is clear where it is 0 and scaled to its own maximum.

    Args:
        picture: (S, S, 3).
        heat: (S, S), from 0 up.
    """
    scaled = heat / max(float(heat.max()), float(np.finfo(np.float32).tiny))
    colours = colormaps[COLOURS](scaled)[..., :3] * 255
    opacity = STRENGTH * scaled[..., None]
    mixed: Pixels = np.round((1 - opacity) * picture + opacity * colours).astype(np.uint8)
    return mixed


def beside(pictures: list[Pixels]) -> Image.Image:
    """Pictures of one height in a row, on white."""
    height = pictures[0].shape[0]
    width = sum(p.shape[1] for p in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, height), "white")
    left = 0
    for picture in pictures:
        row.paste(Image.fromarray(picture), (left, 0))
        left += picture.shape[1] + GAP
    return row


def saved_heat(picture: Pixels, heat: NDArray[np.float32] | None, file: Path) -> str:
    """The address of a picture under its heat map; the file shows both. Empty without a map."""
    if heat is None:
        return ""
    under = overlay(picture, heat)
    with name_file_in_errors(file):
        beside([picture, under]).save(file, "PNG")
    return data_uri(under)


def file_name(name: str) -> str:
    """A name for a file, short and without what a file system or a shell might stumble over."""
    return re.sub(r"[^\w.-]+", "_", name)[:50]


def data_uri(picture: Pixels) -> str:
    """A JPEG inside an address."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"


def colour_bar() -> str:
    """CSS colours of the heat maps, from 0 to the maximum."""
    stops = colormaps[COLOURS](np.linspace(0, 1, 9))[:, :3] * 255
    return ", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in stops)
