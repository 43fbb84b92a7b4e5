"""Figure: accuracy over confidence (reliability diagram)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aduni.metrics.classification.calibration_error import (
    BINS,
    confidence_bins,
    expected_calibration_error,
)
from aduni.metrics.samples import Samples
from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import pooled_test
from aduni.results.finished_runs import Run

PER_LINE = 3
HEIGHT, HEIGHTS = 1.3, {1: 3.1, 2: 1.8}  # inches, by the number of panels
MAX_DOT_AREA = 60
"""Area in square points of a dot that stands for all images."""


@dataclass(frozen=True)
class Reliability:
    """Images, mean confidence and accuracy of the (b,) bins that hold images, and the ECE."""

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def reliability(runs: Sequence[Run]) -> Reliability:
    """Return the bins of all runs' test parts together."""
    labels, probabilities = pooled_test(runs, runs[0].class_names)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bin_of = confidence_bins(confidence)
    counts = np.bincount(bin_of, minlength=BINS)
    held = counts > 0
    sums = [np.bincount(bin_of, weights=w, minlength=BINS)[held] for w in (confidence, correct)]
    error = float(expected_calibration_error(Samples.single(labels, probabilities))[0])
    return Reliability(counts[held], sums[0] / counts[held], sums[1] / counts[held], error)


@style.styled
def draw_reliability(rows: Mapping[str, Reliability], dataset: str) -> Figure:
    """Draw a panel for each row; the area of a dot is its share of the images."""
    figure, panels = style.grid(list(rows), PER_LINE, style.COLUMN, HEIGHTS.get(len(rows), HEIGHT))
    for panel, (label, shown) in zip(panels, rows.items(), strict=True):
        _draw_bins(panel.axes, shown)
        panel.axes.set_title(f"{style.wrapped(label)}\nECE {shown.error:.3f}")
        panel.axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"] if panel.bottom else [])
        panel.axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if panel.left else [])
        style.small_ticks(panel.axes)
    figure.suptitle(f"{dataset}: reliability, test part")
    figure.supxlabel("Confidence (area of a dot: share of the images)")
    figure.supylabel("Accuracy")
    return figure


def _draw_bins(axes: Axes, shown: Reliability) -> None:
    areas = np.maximum(MAX_DOT_AREA * shown.counts / shown.counts.sum(), 2)
    axes.plot([0, 1], [0, 1], color=style.PALE, linewidth=0.8, linestyle="--", zorder=1)
    axes.plot(shown.confidence, shown.accuracy, color=style.BLUE, linewidth=0.8, zorder=2)
    dots = axes.scatter(
        shown.confidence, shown.accuracy, areas, color=style.BLUE, linewidths=0, zorder=3
    )
    dots.set_clip_on(False)  # one on the edge is as large as its share
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")


def _draw(rows: Rows, dataset: str) -> Figure:
    return draw_reliability({label: reliability(runs) for label, runs in rows.items()}, dataset)


FIGURE = ReportFigure(
    "reliability",
    "Reliability",
    "Accuracy over confidence in 15 bins, test parts of all folds pooled; ECE is the expected "
    "calibration error. Dots below the diagonal are over-confident.",
    _draw,
    position=6,
)
