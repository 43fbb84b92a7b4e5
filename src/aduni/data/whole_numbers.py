"""Whole numbers in the cells of tables: 7, 7.0 and 007 are one, however a program wrote it."""

import re

WHOLE = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)


def is_whole(text: str) -> bool:
    """Whether a text is a whole number."""
    return WHOLE.fullmatch(text) is not None


def plain_number(text: str) -> str:
    """Write a whole number in its shortest form; leave every other text as it is."""
    return str(int(float(text))) if is_whole(text) else text
