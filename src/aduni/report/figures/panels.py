"""Small multiples."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aduni.report.figures.style import new_figure


class Panel(NamedTuple):
    """One of the axes, and whether it is the one that carries the labels of its line or column."""

    axes: Axes
    left: bool
    bottom: bool


def grid(
    labels: list[str], per_line: int, width: float, height: float
) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for each label.

    Args:
        labels: one for each panel.
        per_line: panels beside each other.
        width: of the figure, in inches.
        height: of a panel, in inches.
    """
    lines = -(-len(labels) // per_line)
    figure = new_figure(width, 0.5 + height * lines)
    spots = figure.subplots(lines, per_line, squeeze=False).ravel()
    for spare in spots[len(labels) :]:
        spare.set_axis_off()
    panels = [
        Panel(axes, place % per_line == 0, place + per_line >= len(labels))
        for place, axes in enumerate(spots[: len(labels)])
    ]
    return figure, panels
