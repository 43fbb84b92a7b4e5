"""Figures of the report: their declaration, the data that several share, and how all are drawn.

Every file of this folder with a FIGURE is found.
"""

import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aduni.report import figures
from aduni.report.figures.style import save
from aduni.report.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.system.fonts import letters_without_glyph

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
    draw: Callable[[Rows, str], Figure | None]
    position: int = 100
    with_floors: bool = False
    opens_page: bool = False
    paper: str = ""
    """Number of the figure in the paper."""


def class_counts(runs: Sequence[Run]) -> dict[str, int]:
    """Count the images of each class in all used parts: grades in order, else the largest first."""
    splits = {run.metrics["split_hash"]: run.split for run in runs}  # most runs share one
    every = pd.concat([split[split["part"] != "unused"] for split in splits.values()])
    found = every.drop_duplicates("image")["label"].value_counts()
    counts = {name: int(found.get(name, 0)) for name in runs[0].class_names}
    return counts if runs[0].ordinal else dict(sorted(counts.items(), key=lambda item: -item[1]))


def class_order(rows: Rows) -> list[str]:
    return list(class_counts(next(iter(rows.values()))))


def pooled_test(
    runs: Sequence[Run], class_names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) classes and (n, C) probabilities of the test parts, one run after another."""
    labels, probabilities = [], []
    for run in runs:
        columns = [run.class_names.index(name) for name in class_names]
        _, codes, table = run.test_predictions()
        labels.append(np.argsort(columns)[codes])  # the new number of each old one
        probabilities.append(table[:, columns])
    return np.concatenate(labels), np.concatenate(probabilities)


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
    held = {label: runs for label, runs in rows.items() if runs}
    trained = {label: runs for label, runs in held.items() if not runs[0].is_floor}
    letters_without_glyph(texts_in(held, dataset))  # looks for the fonts that are needed
    # metrics.json may come from others and say ../../mine.
    prefix, drawn = re.sub(r"[/\\\0]", "_", dataset)[:MAX_NAME], []
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


def texts_in(rows: Rows, dataset: str) -> list[str]:
    """Return the names that figures show: of the data set, rows and classes."""
    classes = {name for runs in rows.values() for run in runs for name in run.class_names}
    return [title_of(dataset), *rows, *classes]


def all_figures() -> list[ReportFigure]:
    """Return the figures that the files of this folder define."""
    names = (module.name for module in pkgutil.iter_modules(figures.__path__))
    modules = [import_module(f"{figures.__name__}.{name}") for name in names]
    found = [module.FIGURE for module in modules if hasattr(module, "FIGURE")]
    return sorted(found, key=lambda figure: (figure.position, figure.name))
