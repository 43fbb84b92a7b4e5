"""Read and compare the names of classes, columns, groups and data sets."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

WHOLE_NUMBER = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)

TRUE, FALSE, NULL = ("true", "yes", "on"), ("false", "no", "off"), ("null", "~")
"""Lower-case words that YAML reads as values."""

MISSING = frozenset(
    (
        *("", "-", "--", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "nil"),
        *("none", "empty", "missing", "unknown", "not available", "not known"),
    )
)

ALONE_PREFIX = "\x1f"
"""First character of the names of rows without a group; stripped cells never begin with it."""

PUBLISHED = ("digits", "isic2018", "aptos")
"""Names that user data sets may not have, since their results are compared with the paper's."""

GRADED = ("aptos", "retinamnist")
"""Published data sets with ordinal classes."""

MAX_TITLE_LENGTH = 60

BYTE_ESCAPES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""Python's surrogates for the bytes of a name that is not UTF-8 -> their escapes."""


def escape(name: str) -> str:
    """Escape what cannot be printed in a name, so that an error stays on one line."""
    text = name.translate(BYTE_ESCAPES)
    return text if text.isprintable() else ascii(text)[1:-1]


def is_whole(text: str) -> bool:
    return WHOLE_NUMBER.fullmatch(text) is not None


def plain_number(text: str) -> str:
    """Write a whole number in its shortest form, and return any other text unchanged."""
    return str(int(float(text))) if is_whole(text) else text


Name = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, bool | int | float) else value),
]
"""Name in a setting, or null; YAML reads some as numbers or booleans (see `match_name`)."""
ClassName = Annotated[Name, BeforeValidator(lambda value: "null" if value is None else value)]


def match_name(name: str, names: Iterable[str]) -> str:
    """Return the one of `names` that YAML reads as the same value as `name`.

    01, 1.0 and 1 are one number, 1e5 and 100000.0 another; True, true and yes are one value. If
    `name` is among them, or if no or several names match, `name` itself is returned.
    """
    known = list(dict.fromkeys(names))
    if name in known:
        return name
    matches = [each for each in known if _normalise_yaml(each) == _normalise_yaml(name)]
    return matches[0] if len(matches) == 1 else name


def are_increasing(class_names: Sequence[str]) -> bool:
    """Return whether all names are numbers, each larger than the one before."""
    if not all(re.fullmatch(r"[+-]?\d{1,15}(\.\d*)?", name, re.ASCII) for name in class_names):
        return False
    numbers = [float(name) for name in class_names]
    return all(a < b for a, b in pairwise(numbers))


def _normalise_yaml(name: str) -> str:
    """Return one spelling for all names that YAML reads as the same value."""
    word = name.lower()
    for spellings in (TRUE, FALSE, NULL):
        if word in spellings:
            return spellings[0]
    try:
        return repr(float(name))
    except ValueError:
        return name


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


def own_image_size(weights: str | None, from_scratch: int) -> int:
    """Return the side of own images in pixels: 224 with pretrained weights, else the given one."""
    return from_scratch if weights in (None, "null", "None") else 224


def own_title(path: str | None, count: int) -> str:
    """Name a user data set by letters and digits of the last `count` parts of its path, if any."""
    if not path:
        return "own"
    absolute = Path(path).absolute()
    parts = [*absolute.parent.parts, absolute.stem][-count:]
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(parts)).strip("_.-")
    name = name[-(MAX_TITLE_LENGTH - 4) :].strip("_.-")
    return f"{name}_own" if name in PUBLISHED else name or "own"
