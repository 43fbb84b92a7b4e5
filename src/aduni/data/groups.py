"""Which rows belong to one patient or lesion: the names in a table, made comparable."""

from collections.abc import Sequence

from aduni.data.whole_numbers import plain_number

MISSING = frozenset(
    (
        *("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "nil"),
        *("none", "empty", "missing", "unknown", "not available", "not known"),
    )
)
"""Texts that stand for no name, in small letters."""

ALONE = "\0"
"""How the name of a row without one begins; no cell of a table does."""


def group_names(cells: Sequence[str], images: Sequence[str]) -> list[str]:
    """Names that are equal where the rows must stay together.

    A whole number is the same however it is written: 7, 7.0 and 007 are one patient, as they are
    one label. A row whose cell is empty, or a text for what is missing, stands alone.

    Args:
        cells: n texts.
        images: n identifiers.
    """
    return [
        f"{ALONE}{image}" if is_missing(cell) else plain_number(cell.strip())
        for cell, image in zip(cells, images, strict=True)
    ]


def is_missing(text: str) -> bool:
    """Whether a text says that there is no name."""
    return text.strip().casefold() in MISSING


def is_alone(name: str) -> bool:
    """Whether the name is that of a row without group."""
    return name.startswith(ALONE)
