"""Let an SVG figure follow the reader's theme: what is black on white is light on dark."""

import re

INK = "#000000"
"""Colour that follows the theme; a black that must stay is #010101."""
STYLE = (
    "<style>:root{color:#1d2024;fill:currentColor;color-scheme:light dark}"
    "@media screen and (prefers-color-scheme:dark){:root{color:#e3e5e8}}</style>"
)
"""The inks of the page."""


def with_dark_theme(svg: str) -> str:
    """Return a figure whose ink is dark in a light theme, and light in a dark one.

    Texts have no colour of their own if they are black, and take that of the root.
    """
    return re.sub("(<svg [^>]*>)", rf"\1{STYLE}", svg.replace(INK, "currentColor"), count=1)
