"""Figure: difference of every row's macro F1 to the first row, fold by fold (forest plot)."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.figure import Figure

from aduni.metrics.fold_intervals import MARGIN, MIN_FOLDS, interval_over_folds
from aduni.metrics.names import METRICS
from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.tables.fold_means import fold_means

METRIC = METRICS["macro_f1"]
Folds = Mapping[int, float]


@style.styled
def draw_differences(
    differences: Mapping[str, Sequence[float]], title: str, floor: float | None = None
) -> Figure:
    """Draw a line for each row: its folds as dots, their mean, and its interval over folds.

    Args:
        differences: label -> difference in macro F1 in each fold.
        floor: difference of the highest floor, for a line across.
    """
    names = [style.wrapped(label) for label in differences]
    lines = sum(name.count("\n") + 1 for name in names)
    figure = style.new_figure(style.COLUMN, 0.75 + 0.2 * max(lines, 2))
    axes = figure.subplots()
    axes.axvspan(-MARGIN, MARGIN, color=style.PALE, alpha=0.35, linewidth=0)
    axes.axvline(0, color=style.INK, linewidth=0.8)
    for place, values in enumerate(differences.values()):
        below = [place + 0.25] * len(values)  # the line would hide them
        axes.plot(values, below, "o", color=style.BLUE, alpha=0.7, markersize=3)
        mean, interval = fmean(values), interval_over_folds(values)
        if interval and len(values) >= MIN_FOLDS:
            axes.plot(interval, (place, place), "-", color=style.INK, linewidth=1.4)
        axes.plot(mean, place, "D", color=style.INK, markersize=4)
    if floor is not None:
        axes.axvline(floor, color=style.VERMILLION, linestyle="--")
        where = axes.get_xaxis_transform()
        axes.text(floor, 1.0, " highest floor", color=style.VERMILLION, transform=where, va="top")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("Difference in macro F1, test part")
    axes.set_title(style.wrapped(title, 48))
    style.small_ticks(axes)
    return figure


def _minus(folds: Folds, base: Folds) -> list[float]:
    """Return the differences in the folds that both have."""
    return [folds[fold] - base[fold] for fold in folds if fold in base]


def _draw(rows: Rows, dataset: str) -> Figure | None:
    trained = {
        label: fold_means(runs, METRIC) for label, runs in rows.items() if not runs[0].is_floor
    }
    first, *others = trained or [""]
    base = trained.get(first, {})
    differences = {label: _minus(trained[label], base) for label in others}
    found = {label: values for label, values in differences.items() if values}
    floors = [_minus(fold_means(runs, METRIC), base) for runs in rows.values() if runs[0].is_floor]
    floor = max(map(fmean, filter(None, floors)), default=None)
    return draw_differences(found, f"{dataset}: differences to {first}", floor) if found else None


FIGURE = ReportFigure(
    "differences",
    "Differences in macro F1",
    "Dots are folds (each the mean over its seeds), the diamond is their mean, the line its 95 % t "
    f"interval over folds (at least {MIN_FOLDS}). Between the grey edges, {MARGIN} to either side, "
    "differences are too small to matter.",
    _draw,
    position=0,
    with_floors=True,
    opens_page=True,
)
