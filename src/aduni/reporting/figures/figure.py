"""Figures of the report: their declaration, the data that several share, and how all are drawn.

Every file of this folder with a FIGURE is found.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aduni.reporting import figures
from aduni.reporting.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.system.fonts import letters_without_glyph
from aduni.system.plug_ins import declared_in

if TYPE_CHECKING:  # matplotlib takes most of a second, and is loaded with the first figure
    from matplotlib.figure import Figure

Rows = Mapping[str, Sequence[Run]]
"""Runs of one data set by the label of their row, in the table's order."""

MAX_NAME = 100


@dataclass(frozen=True)
class ReportFigure:
    """A figure that every report draws if `draw` has the data, else returns None.

    `draw` gets the rows of methods with a network, and with `with_floors` all others, too. The page
    begins with the figure that `opens_page`.
    """

    name: str
    title: str
    caption: str
    draw: "Callable[[Rows, str], Figure | None]"
    position: int = 100
    with_floors: bool = False
    opens_page: bool = False
    paper: str = ""
    """Number of the figure in the paper."""


@dataclass(frozen=True)
class Drawn:
    """A figure that was written."""

    name: str
    title: str
    caption: str
    svg: Path
    pdf: Path
    opens_page: bool


def draw(rows: Rows, dataset: str, folder: Path, *, of_paper: bool = True) -> list[Drawn]:
    """Draw and write the figures that have data; rows without runs are left out.

    Captions say which figure of the paper it is if the runs are `of_paper`.
    """
    from aduni.reporting.figures.style import save

    held = {label: runs for label, runs in rows.items() if runs}
    trained = {label: runs for label, runs in held.items() if not runs[0].is_floor}
    letters_without_glyph(texts_in(held, dataset))  # looks for the fonts that are needed
    prefix, drawn = file_prefix(dataset), []
    for kind in all_figures():
        shown = held if kind.with_floors else trained
        figure = kind.draw(shown, title_of(dataset)) if trained else None
        if figure is not None:
            name = f"{prefix}_{kind.name}"
            svg, pdf = save(figure, folder, name)
            number = f" The paper's figure {kind.paper}." if of_paper and kind.paper else ""
            caption = f"{kind.caption}{number}"
            drawn.append(Drawn(name, kind.title, caption, svg, pdf, kind.opens_page))
    return drawn


def file_prefix(dataset: str) -> str:
    """Return the beginning of the names of a data set's files.

    metrics.json may come from others and say ../../mine.
    """
    return re.sub(r"[/\\\0]", "_", dataset)[:MAX_NAME]


def texts_in(rows: Rows, dataset: str) -> list[str]:
    """Return the names that figures show: of the data set, rows and classes."""
    classes = {name for runs in rows.values() for run in runs for name in run.class_names}
    return [title_of(dataset), *rows, *classes]


def all_figures() -> list[ReportFigure]:
    """Return the figures that the files of this folder define."""
    found: list[ReportFigure] = declared_in(figures, "FIGURE")
    return sorted(found, key=lambda figure: (figure.position, figure.name))
