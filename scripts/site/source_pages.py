"""Sphinx extension: a page for each source file that another page links to.

A link to `src/aduni/losses/softmax.py` leads to `source/src/aduni/losses/softmax.py.html`, so that
the site is whole without the host of the repository.
"""

import importlib
import inspect
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]

_linked: set[Path] = set()


def address(file: Path, line: int = 0) -> str:
    """Return the address of a file's page below the site's root, and have the page made."""
    _linked.add(file)
    anchor = f"#line-{line}" if line else ""
    return f"source/{file.relative_to(ROOT)}.html{anchor}"


def definition(module: str, name: str) -> str | None:
    """Return the address of the line where a function or class is defined."""
    found: Any = importlib.import_module(module)
    try:
        for part in name.split("."):
            found = getattr(found, part)
        found = inspect.unwrap(getattr(found, "fget", None) or found)
        file = Path(inspect.getsourcefile(found) or "").resolve()
        line = inspect.getsourcelines(found)[1]
    except (AttributeError, TypeError, OSError):  # an attribute without a definition
        return None
    return address(file, line) if file.is_relative_to(ROOT / "src") else None


def write_pages(_app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the pages of all files that were linked to."""
    for file in sorted(_linked):
        name = str(file.relative_to(ROOT))
        body = f"<h1><code>{escape(name)}</code></h1>\n{_highlighted(file)}"
        yield f"source/{name}", {"title": name, "body": body}, "page.html"


def _highlighted(file: Path) -> str:
    try:
        lexer = get_lexer_for_filename(file.name)
    except ClassNotFound:
        lexer = TextLexer()
    lines = HtmlFormatter(linenos="inline", lineanchors="line", anchorlinenos=True, wrapcode=True)
    return highlight(file.read_text(), lexer, lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the pages written after all others."""
    app.connect("html-collect-pages", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
