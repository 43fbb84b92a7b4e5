"""Figure: images of each class (figure 1 of the paper)."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import class_counts


@style.styled
def draw_class_distribution(counts: Mapping[str, int], dataset: str) -> Figure:
    """Draw the images of each class as bars with numbers; without numbers for many classes."""
    figure = style.new_figure(style.COLUMN, 0.65 + 0.2 * min(len(counts), style.MAX_NAMED))
    axes = figure.subplots()
    images = list(counts.values())
    if len(counts) <= style.MAX_NAMED:
        bars = axes.barh(list(counts), images, height=0.7, color=style.BLUE)
        axes.bar_label(bars, fmt="{:.0f}", padding=2, fontsize=style.SMALL)
    else:
        axes.barh(range(len(counts)), images, height=1, color=style.BLUE)
        axes.set_yticks([])
        axes.set_ylabel(f"{len(counts)} classes")
    axes.invert_yaxis()
    axes.set_xlim(0, max(counts.values()) * 1.15)  # room for the numbers
    axes.set_xlabel("Images")
    axes.set_title(f"{dataset}: images of each class")
    style.small_ticks(axes)
    axes.tick_params(axis="y", length=0)
    return figure


def _draw(rows: Rows, dataset: str) -> Figure:
    return draw_class_distribution(class_counts(next(iter(rows.values()))), dataset)


FIGURE = ReportFigure(
    "class_distribution",
    "Images of each class",
    "Training, validation and test parts together; of another source the images that are tested.",
    _draw,
    position=1,
    paper="1",
)
