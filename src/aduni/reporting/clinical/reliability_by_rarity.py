"""Figure of how frequent classes are at each probability, for frequent and for rare classes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aduni.metrics.classification.calibration_error import BINS, confidence_bins
from aduni.metrics.rarity import rarity_masks
from aduni.metrics.samples import Floats, Samples
from aduni.metrics.screening.outcome import Bools
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalFigure
from aduni.reporting.figures import style
from aduni.reporting.questions import Questions

HEIGHT = 2.8


def class_reliability(samples: Samples, classes: Bools) -> tuple[Floats, Floats, Floats]:
    """Pool the probabilities of some classes, each against the rest, and divide them into bins.

    Args:
        samples: predictions; their draws have no effect.
        classes: (C,) which classes.

    Returns:
        Mean probability, frequency of the class, and number of pairs of an image and a class, of
        the (b,) bins that hold any.
    """
    probabilities = samples.probabilities[:, classes].ravel()
    truth = np.eye(len(classes))[samples.labels][:, classes].ravel()
    numbered = confidence_bins(probabilities)
    counts = np.bincount(numbered, minlength=BINS).astype(np.float64)
    held = counts > 0
    sums = [np.bincount(numbered, weights=w, minlength=BINS)[held] for w in (probabilities, truth)]
    return sums[0] / counts[held], sums[1] / counts[held], counts[held]


@style.styled
def _draw(models: Sequence[ModelPredictions], questions: Questions) -> Figure | None:
    """Draw a panel for each model, of its first seed."""
    masks = rarity_masks(models[0].training_counts)
    if len(masks) < 2:
        return None
    figure = style.new_figure(style.PAGE * min(len(models), 2) / 2, HEIGHT)
    panels: Sequence[Axes] = figure.subplots(1, len(models), squeeze=False)[0]
    looks = style.looks_of(masks)
    for axes, model in zip(panels, models, strict=True):
        axes.plot([0, 1], [0, 1], color=style.PALE, linewidth=0.8, linestyle="--", zorder=1)
        for kind, mask in masks.items():
            probability, frequency, _ = class_reliability(model.seeds[0].samples, mask)
            look = looks[kind]
            (line,) = axes.plot(probability, frequency, label=kind, markersize=3)
            line.set(color=look.colour, linestyle=look.line, marker=look.marker)
        axes.set(title=style.wrapped(model.label, 40), xlabel="Probability of a class")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        style.small_ticks(axes)
    panels[0].set_ylabel("Frequency of the class")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


FIGURE = ClinicalFigure(
    "reliability_by_rarity",
    "Reliability by rarity",
    "Frequency of a class over its probability in 15 bins, each class against the rest, for the "
    "classes with many, medium and few training images together. Below the diagonal the class is "
    "given too much probability.",
    _draw,
)
