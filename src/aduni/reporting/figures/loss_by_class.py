"""Figure: loss of the test images by class (figure 2 of the paper)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import Losses, class_order, losses_by_class

COMPARED = ("CE", "AdUni")
"""Rows of the paper's figure 2; of a report that lacks one of them, the first two rows."""
INNER, OUTER = (25, 75), (5, 95)


@style.styled
def draw_loss_by_class(rows: Mapping[str, Losses], dataset: str) -> Figure:
    """Draw mean, quartiles and the middle 90 % of each class's losses, by row."""
    classes = list(next(iter(rows.values())))
    figure = style.new_figure(style.COLUMN, 0.95 + 0.28 * min(len(classes), style.MAX_NAMED))
    axes = figure.subplots()
    apart = 0.7 / len(rows)
    for place, (label, look) in enumerate(style.looks_of(rows).items()):
        shift = (place - (len(rows) - 1) / 2) * apart
        _draw_row(axes, rows[label], look, shift, label)
    if len(classes) <= style.MAX_NAMED:
        axes.set_yticks(range(len(classes)), classes)
        for edge in range(1, len(classes)):
            axes.axhline(edge - 0.5, color=style.PALE, linewidth=0.3, zorder=0)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(classes)} classes")
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(r"Loss of a test image, $-\log\,p_y$ (nats)")
    axes.set_title(f"{dataset}: loss by class, test part")
    figure.legend(loc="outside lower center", ncols=len(rows))
    style.small_ticks(axes)
    axes.tick_params(axis="y", length=0)
    return figure


def _draw_row(axes: Axes, losses: Losses, look: style.Look, shift: float, label: str) -> None:
    """Draw the middle 90 % as thin line, the middle half as thick line, the mean as marker."""
    held = [(place, values) for place, values in enumerate(losses.values()) if len(values)]
    places = [place + shift for place, _ in held]
    for (low, high), width in ((OUTER, 0.8), (INNER, 3.5)):
        ends = np.array([np.percentile(values, (low, high)) for _, values in held])
        axes.hlines(places, ends[:, 0], ends[:, 1], color=look.colour, linewidth=width, alpha=0.6)
    means = [values.mean() for _, values in held]
    axes.plot(
        means,
        places,
        look.marker,
        color=look.colour,
        markeredgecolor="white",
        markeredgewidth=0.5,
        markersize=5,
        label=label,
    )


def _draw(rows: Rows, dataset: str) -> Figure:
    order = class_order(rows)
    compared = COMPARED if rows.keys() >= set(COMPARED) else list(rows)[: len(COMPARED)]
    losses = {label: losses_by_class(rows[label], order) for label in compared}
    return draw_loss_by_class(losses, dataset)


FIGURE = ReportFigure(
    "loss_by_class",
    "Loss by class",
    "Loss of the test images by true class, folds pooled: mean "
    "(marker), middle half (thick line) and middle 90 % (thin line).",
    _draw,
    position=2,
    paper="2",
)
