"""Normalise the names of groups, such as patients or lesions, in a table."""

from collections.abc import Sequence

from aduni.data.whole_numbers import plain_number

MISSING = frozenset(
    (
        *("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "nil"),
        *("none", "empty", "missing", "unknown", "not available", "not known"),
    )
)
"""Lower-case texts that mean that a name is missing."""

ALONE_PREFIX = "\0"
"""First character of the names of rows without a group; no cell of a table has it."""


def group_names(cells: Sequence[str], images: Sequence[str]) -> list[str]:
    """Return a group name for each row; rows with equal names must stay together.

    The whole numbers 7, 7.0 and 007 are one group, as they are one label. A row whose cell is empty
    or marks a missing value gets a name of its own.
    """
    return [
        f"{ALONE_PREFIX}{image}" if is_missing(cell) else plain_number(cell.strip())
        for cell, image in zip(cells, images, strict=True)
    ]


def is_missing(text: str) -> bool:
    return text.strip().casefold() in MISSING


def is_alone(name: str) -> bool:
    """Return whether a group name is that of a row without a group."""
    return name.startswith(ALONE_PREFIX)
