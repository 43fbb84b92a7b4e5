"""Names and tables in Markdown, so that none of them is taken for markup or HTML."""

import html
import re
from collections.abc import Sequence
from typing import Any

MARKUP = re.compile(r"[\\`*_{}\[\]()#+!|~:@$]|(?<=www)\.", re.IGNORECASE)


def escaped(value: Any) -> str:
    """A text on one line that is shown as it is, links included."""
    text = str(value)
    line = text if text.isprintable() else ascii(text)[1:-1]
    return MARKUP.sub(lambda match: f"\\{match[0]}", html.escape(line, quote=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are Markdown already; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)
