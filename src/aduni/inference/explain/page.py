"""The page: one HTML file that holds its pictures, without scripts, and needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aduni.inference.explain.pictures import SHOWN, THUMB, colour_bar
from aduni.report.page.templates import page_environment

TEMPLATE = "page.html.j2"
MARK = "aduni explain"
"""Tells the page from others."""


@dataclass(frozen=True)
class Share:
    """A class and its probability."""

    name: str
    probability: float


@dataclass(frozen=True)
class NeighbourCard:
    """A training image near a query.

    Attributes:
        picture: as an address.
        image: its identifier.
        label: its class.
        distance: 1 - cosine.
        same: it is the query itself.
        agrees: its class is the predicted one.
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
        name: of the file.
        picture: as an address.
        heat: the picture under its heat map; empty without Grad-CAM.
        target: class that the heat map is of.
        silent: nothing in the image speaks for the target.
        shares: the most probable classes, the predicted one first.
        neighbours: from the nearest on.
        agreement: a sentence on the neighbours' classes.
    """

    name: str
    picture: str
    heat: str
    target: str
    silent: bool
    shares: Sequence[Share]
    neighbours: Sequence[NeighbourCard] = ()
    agreement: str = ""


@dataclass(frozen=True)
class ErrorCard:
    """A test image that is mistaken.

    Attributes:
        image: its identifier.
        picture: as an address.
        heat: the picture under the heat map of the predicted class; empty without Grad-CAM.
        predicted: the wrong class and its probability.
        truth: the true class and its probability.
    """

    image: str
    picture: str
    heat: str
    predicted: Share
    truth: Share


@dataclass(frozen=True)
class ErrorGroup:
    """The errors of one class; the summary says how many there are."""

    name: str
    summary: str
    errors: Sequence[ErrorCard]


@dataclass(frozen=True)
class Page:
    """All that the page shows; empty parts are left out.

    Attributes:
        title: of the page.
        facts: term and value of what was explained, and how.
        warnings: one sentence each.
        queries: explained images.
        groups: errors by true class.
        heats: whether there are heat maps.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    queries: Sequence[QueryCard]
    groups: Sequence[ErrorGroup]
    heats: bool


def render(page: Page) -> str:
    """The page as HTML; names are escaped."""
    environment = page_environment(Path(__file__).parent)
    given = {"mark": MARK, "shown": SHOWN, "thumb": THUMB, "colours": colour_bar()}
    return environment.get_template(TEMPLATE).render(page=page, **given)
