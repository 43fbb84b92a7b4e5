"""Names of classes and columns in settings, some of which YAML reads as other types."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator

TRUE, FALSE, NULL = ("true", "yes", "on"), ("false", "no", "off"), ("null", "~")
"""Lower-case words that YAML reads as values."""


def _to_text(value: Any) -> Any:
    """Convert a YAML scalar to text, but keep null, which means that there is no name."""
    return str(value) if isinstance(value, bool | int | float) else value


Name = Annotated[str, BeforeValidator(_to_text)]
"""Name in a setting; YAML reads some as numbers or booleans (see `match_name`)."""
ClassName = Annotated[Name, BeforeValidator(lambda value: "null" if value is None else value)]
"""Name of a class, which may also be null."""


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
