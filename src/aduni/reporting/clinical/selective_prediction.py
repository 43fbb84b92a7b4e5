"""Figure of selective prediction: accuracy where the least certain images are left to people."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aduni.metrics.estimate import Estimate
from aduni.metrics.interval import ENDS
from aduni.metrics.samples import Floats, Samples
from aduni.metrics.selective_risk import selective_risk
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalFigure
from aduni.reporting.figures import style
from aduni.reporting.questions import Questions

COVERAGE = np.arange(5, 101) / 100
"""Shares of images that are kept; of fewer the accuracy is that of a few images."""
MAX_RESAMPLES = 500
WIDTH, HEIGHT = 4.6, 2.9


def selective_accuracy(model: ModelPredictions) -> Estimate:
    """Return the accuracy of the most certain images, for each share in `COVERAGE`."""
    return model.estimate(_accuracy, MAX_RESAMPLES)


def _accuracy(samples: Samples) -> Floats:
    return 1 - selective_risk(samples, COVERAGE)


@style.styled
def _draw(models: Sequence[ModelPredictions], questions: Questions) -> Figure:
    figure = style.new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    looks = style.looks_of(model.label for model in models)
    for model in models:
        _draw_model(axes, selective_accuracy(model), looks[model.label], model.label)
    axes.set(xlim=(0, 1.01), xlabel="Share of images kept", ylabel="Accuracy of these")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    style.small_ticks(axes)
    figure.suptitle("The least certain images are left to people, test part")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_model(axes: Axes, accuracy: Estimate, look: style.Look, label: str) -> None:
    low, high = np.nanquantile(accuracy.draws[1:], ENDS, axis=0)
    axes.fill_between(COVERAGE, low, high, color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(
        *(COVERAGE, accuracy.value),
        color=look.colour,
        linestyle=look.line,
        label=style.wrapped(label, 40),
    )


FIGURE = ClinicalFigure(
    "selective_prediction",
    "Selective prediction",
    "Accuracy of the images that a model keeps if it leaves to people those whose most probable "
    "class has the lowest probability; at 100 % it decides all. Mean over seeds, with the 95 % "
    f"interval over {MAX_RESAMPLES} resamples of whole groups.",
    _draw,
)
