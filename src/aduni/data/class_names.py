"""What classes and columns are called: names in settings, which YAML takes for other things."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator

TRUE, FALSE, NULL = ("true", "yes", "on"), ("false", "no", "off"), ("null", "~")
"""Words that YAML reads as values, in small letters."""


def _written(value: Any) -> Any:
    """A YAML scalar as text: True for true, 1000 for 1_000; null stays, since it means no name."""
    return str(value) if isinstance(value, bool | int | float) else value


Name = Annotated[str, BeforeValidator(_written)]
"""A name in a setting; YAML reads some as numbers or truth values (see `named`)."""
ClassName = Annotated[Name, BeforeValidator(lambda value: "null" if value is None else value)]
"""Of a class: there null is a name as well."""


def named(name: str, names: Iterable[str]) -> str:
    """Find the one of `names` that a setting means, whatever YAML made of it.

    01, 1.0 and 1 are one number, 1e5 and 100000.0 another; True, true and yes are one value.

    Returns:
        The name itself where it is among them, or no single one is meant.
    """
    known = list(dict.fromkeys(names))
    if name in known:
        return name
    meant = [each for each in known if _value(each) == _value(name)]
    return meant[0] if len(meant) == 1 else name


def grow(class_names: Sequence[str]) -> bool:
    """Whether all names are numbers, each larger than the one before it."""
    if not all(re.fullmatch(r"[+-]?\d{1,15}(\.\d*)?", name, re.ASCII) for name in class_names):
        return False
    numbers = [float(name) for name in class_names]
    return all(a < b for a, b in pairwise(numbers))


def _value(name: str) -> str:
    """What YAML makes of a name, in one spelling."""
    word = name.lower()
    for words in (TRUE, FALSE, NULL):
        if word in words:
            return words[0]
    try:
        return repr(float(name))
    except ValueError:
        return name
