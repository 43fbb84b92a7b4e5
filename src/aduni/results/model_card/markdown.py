"""Escape names for Markdown, and make tables and lists of them."""

import html
import math
import re
from collections.abc import Sequence
from typing import Any

MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|~:@$]|(?<=www)\.", re.IGNORECASE)


def escaped(value: Any) -> str:
    """Return a text on one line that Markdown shows as it is, links included."""
    line = html.escape(one_line(value), quote=False)
    return MARKUP.sub(lambda match: f"\\{match[0]}", line)


def one_line(value: Any) -> str:
    """Return a text whose line ends and other characters without a shape are escapes."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a table of Markdown cells; all columns but the first are numbers, or none is."""
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def with_ends(value: float | None, ends: Sequence[float] | None, digits: int = 3) -> str:
    """Return a number and its interval, if there is one; a dash for an undefined number."""
    if value is None or math.isnan(value):
        return "-"
    shown = f"{value:.{digits}f}"
    if ends is None or math.isnan(ends[0]):
        return shown
    return f"{shown} ({ends[0]:.{digits}f} to {ends[1]:.{digits}f})"
