"""Render the sheet of images whose label may be wrong: one HTML file with its pictures inside."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import ImageOps

from aduni.auditing.label_errors.pictures import Pictures
from aduni.auditing.label_errors.suspects import CONFLICT, LIKELY
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.reporting.page.html import page_environment

SIDE = 192
"""Longest side of a picture on the page, pixels."""
HEADINGS = {
    CONFLICT: "Copies with conflicting labels",
    LIKELY: "Likely errors, the likeliest first",
}


@dataclass(frozen=True)
class Card:
    """An image of the sheet.

    Attributes:
        picture: data URI; empty if the picture could not be opened.
        copies: number of its set of copies; empty if it conflicts with none.
        p_label: probability of the given label; empty without a prediction.
    """

    image: str
    picture: str
    label: str
    suggested: str
    p_label: str
    p_suggested: str
    copies: str


@dataclass(frozen=True)
class CardGroup:
    """The cards of a reason, of `count` images."""

    id: str
    title: str
    count: int
    cards: Sequence[Card]


@dataclass(frozen=True)
class Page:
    """Content of the page: its answer is the first sentence, `warnings` are on what is missing."""

    dataset: str
    answer: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    groups: Sequence[CardGroup]
    file: str


def render(page: Page) -> str:
    """Return the page as HTML, with all names escaped."""
    template = page_environment(Path(__file__).parent).get_template("page.html.j2")
    return template.render(page=page, side=SIDE)


def card_groups(
    listed: pd.DataFrame, pictures: Pictures | None, limit: int
) -> tuple[list[CardGroup], list[str]]:
    """Return the cards of the first images of each reason, and why pictures are missing."""
    groups: list[CardGroup] = []
    faults: list[str] = []
    for number, (reason, heading) in enumerate(HEADINGS.items(), start=1):
        rows = listed[listed["reason"] == reason]
        cards = []
        for _, line in rows.head(limit).iterrows():
            picture, fault = _picture(line["image"], pictures)
            cards.append(_card(line, picture))
            faults += [fault] if fault else []
        if cards:
            groups.append(CardGroup(f"reason-{number}", heading, len(rows), cards))
    return groups, list(_of_faults(faults, sum(len(group.cards) for group in groups)))


def _card(line: "pd.Series[Any]", picture: str) -> Card:
    return Card(
        escape(line["image"]),
        picture,
        line["label"],
        line["suggested"],
        _share(line["p_label"]),
        _share(line["p_suggested"]),
        line["copies"],
    )


def _share(probability: float) -> str:
    return "" if np.isnan(probability) else f"{probability:.2f}"


def _picture(image: str, pictures: Pictures | None) -> tuple[str, str]:
    """Return the data URI of a picture, or else the reason why there is none."""
    if pictures is None:
        return "", ""
    try:
        opened = pictures.open(image)
    except UserError as error:
        return "", str(error)
    buffer = BytesIO()
    ImageOps.contain(opened, (SIDE, SIDE)).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}", ""


def _of_faults(faults: Sequence[str], count: int) -> Iterator[str]:
    if faults:
        yield f"{len(faults)} of {count} pictures could not be opened; the first: {faults[0]}"
