"""Figure: alpha, training loss and validation macro F1 over the epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.results.finished_runs import Run

AXIS_LABELS = {
    "alpha": "Alpha",
    "loss": "Training loss",
    "validation_macro_f1": "Validation macro F1",
}
"""Columns of history.csv, and the labels of their axes."""
MARKERS_PER_LINE = 5
LOG_RATIO = 10
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def mean_history(runs: Sequence[Run]) -> pd.DataFrame:
    """Average the histories of runs: stage, epoch and the columns of AXIS_LABELS that exist.

    Epochs count from 1 and go on through the stages. A first stage that another run trained has
    no rows, but its epochs count. Empty where no run trained anything.
    """
    parts = [_counted_on(run) for run in runs if len(run.history)]
    if not parts:
        return pd.DataFrame()
    frame = pd.concat(parts)
    columns = [column for column in AXIS_LABELS if column in frame]
    means: pd.DataFrame = frame.groupby(["stage", "epoch"], sort=False)[columns].mean()
    return means.reset_index().sort_values("epoch", ignore_index=True)


def _counted_on(run: Run) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    before = 0
    own = run.history["stage"].unique().tolist()
    for stage in run.metrics.get("stages", []):
        if stage["name"] not in own and str(stage["handed_over"]).endswith(".ckpt"):
            by = stage.get("trained_by") or {}  # the run that trained it
            before += int(by.get("epochs", run.metrics["epochs"]))
    for name in own:
        part = run.history[run.history["stage"] == name]
        parts.append(part.assign(epoch=part["epoch"] + 1 + before))
        before += int(part["epoch"].max()) + 1
    return pd.concat(parts)


@style.styled
def draw_curves(histories: Mapping[str, pd.DataFrame], dataset: str) -> Figure:
    """Draw a panel for each column of AXIS_LABELS that any row has, one above another."""
    looks = style.looks_of(histories)
    columns = [
        c for c in AXIS_LABELS if any(c in h and h[c].notna().any() for h in histories.values())
    ]
    widest = max(map(style.written_width, histories)) + 0.3  # the line before the label
    beside = min(max(int(style.COLUMN / widest), 1), 3)
    lines = -(-len(histories) // beside)
    figure = style.new_figure(style.COLUMN, 0.55 + 1.25 * len(columns) + 0.13 * lines)
    panels = figure.subplots(len(columns), sharex=True, squeeze=False)[:, 0]
    for axes, column in zip(panels, columns, strict=True):
        for place, (label, history) in enumerate(histories.items()):
            if column in history:
                _draw_line(axes, history.dropna(subset=[column]), column, looks[label], place)
        _scale(axes, column)
        axes.set_ylabel(AXIS_LABELS[column])
        style.small_ticks(axes)
    panels[-1].set_xlabel("Epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panels[0].set_title(f"{dataset}: training")
    handles = [
        panels[0].plot([], [], color=k.colour, marker=k.marker, linestyle=k.line, markersize=3.5)[0]
        for k in looks.values()
    ]
    figure.legend(handles, list(looks), loc="outside lower center", ncols=beside, handlelength=2.6)
    return figure


def _draw_line(
    axes: Axes, history: pd.DataFrame, column: str, look: style.Look, place: int
) -> None:
    """Draw a line for each stage, since losses of stages differ."""
    for _, part in history.groupby("stage", sort=False):
        step = max(len(part) // MARKERS_PER_LINE, 1)
        axes.plot(
            part["epoch"],
            part[column],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markersize=3.5,
            markevery=(place * step // 9 % step, step),  # lines on top of each other stay visible
        )


def _scale(axes: Axes, column: str) -> None:
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    low, high = values.min(), values.max()
    if column != "validation_macro_f1" and 0 < LOG_RATIO * low < high:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 50 * low else (1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter("")
    elif low >= 0:
        axes.set_ylim(0, 1.05 * high or 1)


def _draw(rows: Rows, dataset: str) -> Figure | None:
    histories = {label: mean_history(runs) for label, runs in rows.items()}
    trained = {label: history for label, history in histories.items() if len(history)}
    return draw_curves(trained, dataset) if trained else None


FIGURE = ReportFigure(
    "curves",
    "Training",
    "Mean over folds. Stages follow one another, with a gap between them; the epochs of a "
    "first stage that another run trained are left empty. Losses of different methods are "
    "different quantities: compare their course, not their height.",
    _draw,
    position=5,
)
