"""Sizes, fonts, colour-blind safe colours, panels, and saving of figures."""

import functools
import hashlib
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar
from warnings import catch_warnings, filterwarnings

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aduni.reporting.figures import dark_theme
from aduni.system.atomic_files import name_file_in_errors, write_text
from aduni.system.fonts import families

P = ParamSpec("P")
T = TypeVar("T")

COLUMN, PAGE = 3.5, 7.0
"""Widths of a column and of a page, in inches."""
SMALL, NORMAL = 6.5, 7.0
DPI = 120
"""Of the parts of a figure that are pixels."""
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
INK, BLACK, PALE = dark_theme.INK, "#010101", "#B0B0B0"
"""The theme's ink, black on a ground that is light in any theme, a grey that shows on both."""
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW = "#56B4E9", "#E69F00", "#F0E442"
"""Okabe and Ito's palette, with black for the eighth."""
PALETTE = (SKY, ORANGE, BLUE, VERMILLION, GREEN, PURPLE, INK)
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", ">", "p", "h", "d")
LINES = ("-", "--", ":")
SEQUENTIAL = "cividis"
MAX_NAMED = 60
"""Classes that are named: more have no room, and drawing their texts takes minutes."""

STYLE: dict[Any, float] = {
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.titlepad": 3,
    "axes.labelpad": 2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "figure.titlesize": NORMAL + 0.5,
    "figure.labelsize": NORMAL,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}
WITHOUT_GLYPH = r"Glyph \d+|Matplotlib currently does not support"
"""Warnings of matplotlib that are replaced by one warning for the whole report."""


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that draws or saves: set sizes and the installed fonts."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        with matplotlib.rc_context({**STYLE, "font.family": families()}), catch_warnings():
            filterwarnings("ignore", message=WITHOUT_GLYPH)
            return function(*args, **kwargs)

    return wrapped


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of a row, which also differ in black and white."""

    colour: str
    marker: str
    line: str


LOOKS = {
    "CE": Look(INK, "o", "-"),
    "BALMS": Look(PURPLE, "s", "-"),
    "LDAM": Look(SKY, "^", "-"),
    "Decouple": Look(ORANGE, "D", "-"),
    "CICL": Look(GREEN, "v", "-"),
    "PaCo": Look(BLUE, "<", "--"),
    "PaCo + AduC": Look(BLUE, "P", "-"),
    "AdUni w/o AduC": Look(VERMILLION, ">", "--"),
    "AdUni": Look(VERMILLION, "X", "-"),
}
"""Looks of the rows of table 1: related methods share a colour."""


def looks_of(labels: Iterable[str]) -> dict[str, Look]:
    """Return the look of each row: its own, or one by its position."""
    return {label: LOOKS.get(label) or _look(place) for place, label in enumerate(labels)}


def _look(place: int) -> Look:
    """Return a look by position; the three lists have different lengths, so looks repeat late."""
    line = LINES[place // len(PALETTE) % len(LINES)]
    return Look(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)], line)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, that makes room for all labels."""
    return Figure(figsize=(width, height), layout="constrained")


def small_ticks(axes: Axes) -> None:
    """Set small tick labels, also for ticks that are made when the figure is drawn."""
    axes.tick_params(labelsize=SMALL, length=2, width=0.6, pad=1.5)


def wrapped(label: str, width: int = 18) -> str:
    """Wrap a label into lines; words stay whole."""
    return "\n".join(textwrap.wrap(label, width, break_long_words=False)) or label


def written_width(label: str) -> float:
    """Return an upper bound of a label's width, in inches."""
    longest = max(sum(map(_letter_width, line)) for line in label.split("\n"))
    return longest * 0.65 * SMALL / 72


def _letter_width(letter: str) -> float:
    """Return the width of a text in Latin letters; a Chinese one counts as two."""
    return 1.6 if unicodedata.east_asian_width(letter) in "WF" else 1.0


@styled
def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.svg and NAME.pdf, the same bytes for the same figure, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    svg, pdf = folder / f"{name}.svg", folder / f"{name}.pdf"
    write_text(svg_of(figure, name), svg)
    with name_file_in_errors(pdf):
        figure.savefig(pdf, dpi=DPI, metadata={"CreationDate": None})
    return svg, pdf


@styled
def svg_of(figure: Figure, name: str) -> str:
    """Return a figure as SVG that follows the reader's theme; `name` makes its ids its own."""
    buffer = StringIO()
    # Texts stay texts: a third of the bytes, and the reader's fonts have more letters.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", dpi=DPI, transparent=True, metadata=NO_METADATA)
    return dark_theme.with_dark_theme(with_own_ids(buffer.getvalue(), name))


def with_own_ids(svg: str, name: str) -> str:
    """Return a drawing whose ids no other figure on the same page has."""
    prefix = f"f{hashlib.sha256(name.encode()).hexdigest()[:8]}-"
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}", svg)


class Panel(NamedTuple):
    """Axes of a panel, and whether it is the leftmost or lowest, which carries the labels."""

    axes: Axes
    left: bool
    bottom: bool


def grid(
    labels: list[str], per_line: int, width: float, height: float
) -> tuple[Figure, list[Panel]]:
    """Make a figure with a panel for each label, no wider than its panels.

    `width` is that of a figure with `per_line` panels beside each other, in inches; one with fewer
    is at least a column wide. `height` is that of a panel.
    """
    lines = -(-len(labels) // per_line)
    columns = min(per_line, len(labels))
    figure = new_figure(max(COLUMN, width * columns / per_line), 0.5 + height * lines)
    spots = figure.subplots(lines, columns, squeeze=False).ravel()
    for spare in spots[len(labels) :]:
        spare.set_axis_off()
    panels = [
        Panel(axes, place % per_line == 0, place + per_line >= len(labels))
        for place, axes in enumerate(spots[: len(labels)])
    ]
    return figure, panels
