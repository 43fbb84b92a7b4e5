"""Figure: F1 of each class in every row (figure 5 of the paper)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import class_order


def f1_table(rows: Rows, class_names: list[str]) -> NDArray[np.float64]:
    """Return (rows, C) mean F1 in the test part over the folds that have the class, or NaN."""
    table = np.full((len(rows), len(class_names)), np.nan)
    for r, runs in enumerate(rows.values()):
        for c, name in enumerate(class_names):
            tests = [run.test for run in runs]
            values = [test["per_class_f1"][name] for test in tests if test["support"][name]]
            if values:
                table[r, c] = np.mean(values)
    return table


@style.styled
def draw_f1_by_class(
    table: NDArray[np.float64], labels: list[str], class_names: list[str], dataset: str
) -> Figure:
    """Draw a (rows, C) heat map with numbers, a dash for NaN; many classes have no numbers."""
    names = [style.wrapped(label) for label in labels]
    lines = sum(name.count("\n") + 1 for name in names)
    few = len(class_names) <= style.MAX_NAMED
    turned = few and max(map(style.written_width, class_names)) > 2.3 / len(class_names)
    figure = style.new_figure(style.COLUMN, 0.75 + 0.17 * max(lines, 2) + 0.35 * turned)
    axes = figure.subplots()
    image = axes.imshow(table, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    if few:
        write_cells(axes, table, [[_text(value) for value in row] for row in table])
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(class_names)) if few else [], class_names if few else [])
    if turned:
        axes.set_xticks(
            axes.get_xticks(), class_names, rotation=40, ha="right", rotation_mode="anchor"
        )
    axes.set_xlabel("Class" if few else f"{len(class_names)} classes")
    axes.set_title(f"{dataset}: F1 of each class, test part")
    bar = figure.colorbar(image, ax=axes, label="F1", pad=0.02, aspect=25, ticks=[0, 0.5, 1])
    style.small_ticks(bar.ax)
    clear_frame(axes)
    return figure


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def write_cells(axes: Axes, shares: NDArray[np.float64], texts: list[list[str]]) -> None:
    """Write texts into cells of shares 0 to 1, in a colour that can be read; NaN has none."""
    luminance = colormaps[style.SEQUENTIAL](shares)[..., :3] @ [0.2126, 0.7152, 0.0722]
    for r, row in enumerate(texts):
        for c, text in enumerate(row):
            colour = "white" if luminance[r, c] < 0.45 else style.BLACK
            colour = style.INK if np.isnan(shares[r, c]) else colour
            axes.text(c, r, text, ha="center", va="center", fontsize=style.SMALL, color=colour)


def clear_frame(axes: Axes) -> None:
    """Remove ticks and spines, which a heat map does not need."""
    style.small_ticks(axes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw(rows: Rows, dataset: str) -> Figure:
    order = class_order(rows)
    return draw_f1_by_class(f1_table(rows, order), list(rows), order, dataset)


FIGURE = ReportFigure(
    "f1_by_class",
    "F1 of each class",
    "F1 of each class in the test part, mean over folds.",
    _draw,
    position=4,
    paper="5",
)
