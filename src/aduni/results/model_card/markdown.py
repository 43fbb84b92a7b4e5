"""Escape names for Markdown, and make tables and lists of them."""

import html
import re
from collections.abc import Sequence
from typing import Any

MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|~:@$]|(?<=www)\.", re.IGNORECASE)


def escaped(value: Any) -> str:
    """Return a text on one line that Markdown shows as it is, links included."""
    text = str(value)
    line = text if text.isprintable() else ascii(text)[1:-1]
    return MARKUP.sub(lambda match: f"\\{match[0]}", html.escape(line, quote=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown cells; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
