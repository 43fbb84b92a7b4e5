"""Render the page: one HTML file with its images inside, without scripts or network access."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aduni.inference.explain.pictures import IMAGE_SIZE, THUMBNAIL_SIZE, css_gradient
from aduni.report.page.templates import page_environment

GENERATOR = "aduni explain"
"""Content of the page's generator element, which identifies it."""


@dataclass(frozen=True)
class Share:
    """A class and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class NeighbourCard:
    """A training image near an explained image.

    Attributes:
        picture: data URI.
        image: identifier of the image.
        label: class of the image.
        distance: 1 - cosine.
        same: whether it is the explained image itself.
        agrees: whether its class is the predicted one.
    """

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
        name: name of the file.
        picture: data URI.
        heat: data URI of the picture under its heat map; empty without Grad-CAM.
        target: class of the heat map.
        is_zero: whether the heat map is 0 everywhere.
        shares: most probable classes, the predicted one first.
        neighbours: training images, the nearest first.
        agreement: sentence on the neighbours' classes.
    """

    name: str
    picture: str
    heat: str
    target: str
    is_zero: bool
    shares: Sequence[Share]
    neighbours: Sequence[NeighbourCard] = ()
    agreement: str = ""


@dataclass(frozen=True)
class ErrorCard:
    """A misclassified test image.

    Attributes:
        image: identifier of the image.
        picture: data URI.
        heat: data URI of the picture under the predicted class's heat map; empty without Grad-CAM.
        predicted: wrong class and its probability.
        truth: true class and its probability.
    """

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
class Page:
    """Content of the page; parts without content are left out.

    Attributes:
        title: title of the page.
        facts: (term, value) pairs on what was explained, and how.
        warnings: one sentence each.
        queries: explained images.
        groups: errors by true class.
        has_heat_maps: whether the cards have heat maps.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    queries: Sequence[QueryCard]
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
