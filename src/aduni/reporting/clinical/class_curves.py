"""Figure of each class against the rest: ROC curve, and precision over recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalFigure
from aduni.reporting.figures import style
from aduni.reporting.questions import Questions

MAX_CLASSES = 12
HEIGHT = 2.8


@style.styled
def _draw(models: Sequence[ModelPredictions], questions: Questions) -> Figure | None:
    """Draw the first seed of each model, a line of panels each."""
    names = models[0].class_names
    if len(names) > MAX_CLASSES or np.count_nonzero(models[0].test_counts) < 2:
        return None
    figure = style.new_figure(style.PAGE, HEIGHT * len(models))
    lines = figure.subplots(len(models), 2, squeeze=False)
    for model, panels in zip(models, lines, strict=True):
        _draw_model(model, *panels)
    handles = lines[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=6)
    return figure


def _draw_model(model: ModelPredictions, roc: Axes, recall: Axes) -> None:
    samples, looks = model.seeds[0].samples, style.looks_of(model.class_names)
    for number in np.flatnonzero(model.test_counts):
        name = model.class_names[number]
        truth, scores = samples.labels == number, samples.probabilities[:, number]
        drawn: dict[str, Any] = {"color": looks[name].colour, "linestyle": looks[name].line}
        alarms, found, _ = roc_curve(truth, scores)
        roc.plot(alarms, found, label=style.wrapped(name, 30), **drawn)
        precision, of_class, _ = precision_recall_curve(truth, scores)
        recall.plot(of_class, precision, drawstyle="steps-post", **drawn)
    roc.plot([0, 1], [0, 1], color=style.PALE, linewidth=0.8, linestyle="--", zorder=1)
    label = style.wrapped(model.label, 40)
    roc.set(title=f"{label}: ROC", xlabel="1 - specificity", ylabel="Sensitivity")
    recall.set(title=f"{label}: precision", xlabel="Recall", ylabel="Precision")
    for axes in (roc, recall):
        style.small_ticks(axes)


FIGURE = ClinicalFigure(
    "class_curves",
    "Each class against the rest",
    "ROC curve, and precision over recall, of the test part.",
    _draw,
)
