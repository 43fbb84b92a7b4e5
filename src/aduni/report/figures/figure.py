"""The description of a figure of the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from aduni.results.finished_runs import Run

Rows = Mapping[str, Sequence[Run]]
"""Runs of one data set by the label of their row, in the table's order."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure that every report draws if it has the data.

    Attributes:
        name: of its files.
        title: short.
        caption: a sentence or two.
        draw: maps rows with runs and the data set's title to the figure; None without the data.
        position: place among the figures.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Rows, str], Figure | None]
    position: int = 100
