"""Render the page: one HTML file with its pictures inside, without scripts or network access."""

import io
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from aduni.reporting.page.html import page_environment
from aduni.system.atomic_files import name_file_in_errors

Pixels = NDArray[np.uint8]

IMAGE_SIZE = 256
"""Side of an image beside its heat map, pixels."""
THUMBNAIL_SIZE = 128
COLOUR_MAP = "viridis"
"""Ordered by lightness, for all readers and in print."""
MAX_OPACITY = 0.6
GAP = 8  # pixels

GENERATOR = "aduni explain"
"""Content of the page's generator element, which identifies it."""


def overlay(picture: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """Draw an (S, S) heat map over an (S, S, 3) picture, scaled to its maximum, clear at 0."""
    scaled = heat / max(float(heat.max()), float(np.finfo(np.float32).tiny))
    colours = colormaps[COLOUR_MAP](scaled)[..., :3] * 255
    opacity = MAX_OPACITY * scaled[..., None]
    return np.asarray(np.round((1 - opacity) * picture + opacity * colours), dtype=np.uint8)


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


@dataclass(frozen=True)
class Share:
    """A class and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class NeighbourCard:
    """A training image near an explained image; `same` if it is that image itself."""

    picture: str
    image: str
    label: str
    distance: float
    same: bool
    agrees: bool


@dataclass(frozen=True)
class QueryCard:
    """An explained image.

    Attributes:
        heat: data URI of the picture under its heat map; empty without Grad-CAM.
        truth: class of an image of the data set, and `part` its part; empty of any other image.
        shares: most probable classes, the predicted one first.
        agreement: sentence on the neighbours' classes.
    """

    name: str
    picture: str
    heat: str
    target: str
    is_zero: bool
    shares: Sequence[Share]
    truth: str = ""
    part: str = ""
    neighbours: Sequence[NeighbourCard] = ()
    agreement: str = ""


@dataclass(frozen=True)
class ErrorCard:
    """A misclassified test image; `heat` is empty without Grad-CAM."""

    image: str
    picture: str
    heat: str
    predicted: Share
    truth: Share


@dataclass(frozen=True)
class ErrorGroup:
    """The most confident errors of a true class, and a sentence on how many errors there are."""

    name: str
    summary: str
    errors: Sequence[ErrorCard]


@dataclass(frozen=True)
class Confusion:
    """Number of test images by true class, a row each, and by predicted class."""

    names: Sequence[str]
    counts: Sequence[Sequence[int]]

    @property
    def summary(self) -> str:
        """Sentence on how many images are wrong."""
        total = sum(map(sum, self.counts))
        wrong = total - sum(row[place] for place, row in enumerate(self.counts))
        return f"{wrong} of {total} test images are wrong ({wrong / max(total, 1):.0%})."

    def shares(self) -> list[list[float]]:
        """Return the shares of the true class, 0 for a class without images."""
        return [[count / max(sum(row), 1) for count in row] for row in self.counts]


@dataclass(frozen=True)
class Page:
    """Content of the page; parts without content are left out."""

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    queries: Sequence[QueryCard]
    confusion: Confusion | None
    groups: Sequence[ErrorGroup]
    has_heat_maps: bool


def render(page: Page) -> str:
    """Return the page as HTML, with all names escaped."""
    return (
        page_environment(Path(__file__).parent)
        .get_template("page.html.j2")
        .render(
            page=page,
            generator=GENERATOR,
            image_size=IMAGE_SIZE,
            thumbnail_size=THUMBNAIL_SIZE,
            gradient=css_gradient(),
        )
    )
