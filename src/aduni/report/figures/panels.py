"""Lay out panels of equal size in a figure."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aduni.report.figures.style import COLUMN, new_figure


class Panel(NamedTuple):
    """Axes of a panel, and whether it is the leftmost or lowest, which carries the labels."""

    axes: Axes
    left: bool
    bottom: bool


def grid(
    labels: list[str], per_line: int, width: float, height: float
) -> tuple[Figure, list[Panel]]:
    """Make a figure with a panel for each label, no wider than its panels.

    Args:
        labels: one for each panel.
        per_line: most panels beside each other.
        width: of a figure with so many, in inches; one with fewer is at least a column wide.
        height: of a panel, in inches.
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
