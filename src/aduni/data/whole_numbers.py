"""Normalise whole numbers in the cells of tables, where 7, 7.0 and 007 are equal."""

import re

WHOLE_NUMBER = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)


def is_whole(text: str) -> bool:
    """Return whether a text is a whole number."""
    return WHOLE_NUMBER.fullmatch(text) is not None


def plain_number(text: str) -> str:
    """Write a whole number in its shortest form, and return any other text unchanged."""
    return str(int(float(text))) if is_whole(text) else text
