"""Draw the figures of a data set; every file of this folder with a FIGURE is found."""

import pkgutil
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from aduni.report import figures
from aduni.report.figures.figure import ReportFigure, Rows
from aduni.report.figures.style import save
from aduni.report.tables.table import title_of
from aduni.system.fonts import letters_without_glyph

MAX_NAME = 100
"""Letters of a data set's name in the file names of its figures."""


@dataclass(frozen=True)
class Drawn:
    """A figure on disk.

    Attributes:
        name: of its files.
        title: short.
        caption: a sentence or two.
        png: the picture.
        pdf: its vector version.
    """

    name: str
    title: str
    caption: str
    png: Path
    pdf: Path


def draw(rows: Rows, dataset: str, folder: Path) -> list[Drawn]:
    """Draw and write the figures that have data.

    Args:
        rows: runs of one data set by row; rows without runs are left out.
        dataset: its name, which file names begin with.
        folder: made if need be.
    """
    held = {label: runs for label, runs in rows.items() if runs}
    letters_without_glyph(texts_in(held, dataset))  # looks for the fonts that are needed
    drawn = []
    for kind in all_figures():
        figure = kind.draw(held, title_of(dataset)) if held else None
        if figure is not None:
            name = f"{_file_name(dataset)}_{kind.name}"
            png, pdf = save(figure, folder, name)
            drawn.append(Drawn(name, kind.title, kind.caption, png, pdf))
    return drawn


def texts_in(rows: Rows, dataset: str) -> list[str]:
    """Return the names that figures show: of the data set, rows and classes."""
    classes = {name for runs in rows.values() for run in runs for name in run.class_names}
    return [title_of(dataset), *rows, *classes]


def _file_name(dataset: str) -> str:
    """Return a name for files; metrics.json may come from others and say ../../mine."""
    return re.sub(r"[/\\\0]", "_", dataset)[:MAX_NAME]


def all_figures() -> list[ReportFigure]:
    """Return the figures that the files of this folder define."""
    names = (module.name for module in pkgutil.iter_modules(figures.__path__))
    modules = [import_module(f"{figures.__name__}.{name}") for name in names]
    found = [module.FIGURE for module in modules if hasattr(module, "FIGURE")]
    return sorted(found, key=lambda figure: (figure.position, figure.name))
