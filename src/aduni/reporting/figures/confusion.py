"""Figure: confusion matrix of each row of the table."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aduni.metrics.confusion_counts import confusion_counts
from aduni.reporting.figures import style
from aduni.reporting.figures.f1_by_class import clear_frame, write_cells
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import class_order, pooled_test
from aduni.results.finished_runs import Run

PER_LINE = 3


def pooled_confusion(runs: Sequence[Run], class_names: Sequence[str]) -> NDArray[np.int64]:
    """Return (C, C) counts by true (first) and predicted class in the test parts of all runs."""
    labels, probabilities = pooled_test(runs, class_names)
    return confusion_counts(labels, probabilities.argmax(axis=1), len(class_names))


def row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (C, C) shares of the true class; NaN for a class without images."""
    sums = counts.sum(axis=1, keepdims=True).astype(float)
    return np.asarray(counts / np.where(sums > 0, sums, np.nan))


@style.styled
def draw_confusion(
    matrices: Mapping[str, NDArray[np.int64]], class_names: list[str], dataset: str
) -> Figure:
    """Draw a matrix for each row: colours are shares of the true class, numbers are images."""
    figure, panels = style.grid(list(matrices), PER_LINE, style.PAGE, style.PAGE / PER_LINE)
    for panel, (label, counts) in zip(panels, matrices.items(), strict=True):
        shares = row_shares(counts)
        image = panel.axes.imshow(shares, cmap=style.SEQUENTIAL, vmin=0, vmax=1)
        if len(class_names) <= style.MAX_NAMED:
            texts = [[f"{count}" for count in row] for row in counts]
            write_cells(panel.axes, shares, texts)
        panel.axes.set_title(style.wrapped(label, 36))
        _name_classes(panel.axes, class_names, panel.left, panel.bottom)
    drawn = [panel.axes for panel in panels]
    bar = figure.colorbar(image, ax=drawn, location="right", aspect=40, pad=0.01, shrink=0.6)
    bar.set_label("Share of the true class")
    style.small_ticks(bar.ax)
    figure.suptitle(f"{dataset}: confusion in the test part, images")
    figure.supxlabel("Predicted class")
    figure.supylabel("True class")
    return figure


def _name_classes(axes: Axes, names: list[str], left: bool, bottom: bool) -> None:
    places = range(len(names)) if len(names) <= style.MAX_NAMED else []
    axes.set_xticks(places, names if bottom and places else [], rotation=90)
    axes.set_yticks(places, names if left and places else [])
    clear_frame(axes)


def _draw(rows: Rows, dataset: str) -> Figure:
    order = class_order(rows)
    matrices = {label: pooled_confusion(runs, order) for label, runs in rows.items()}
    return draw_confusion(matrices, order, dataset)


FIGURE = ReportFigure(
    "confusion",
    "Confusion",
    "Test images of all folds by true and predicted class; colours are shares of the true class.",
    _draw,
    position=7,
)
