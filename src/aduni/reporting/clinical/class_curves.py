"""Figure of each class against the rest: ROC curve, and precision over recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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
    """Draw the first seed of the last model."""
    model = models[-1]
    samples = model.seeds[0].samples
    present = np.flatnonzero(np.bincount(samples.labels, minlength=len(model.class_names)))
    if len(model.class_names) > MAX_CLASSES or len(present) < 2:
        return None
    figure = style.new_figure(style.PAGE, HEIGHT)
    roc, recall = figure.subplots(1, 2)
    looks = style.looks_of(model.class_names)
    for number in present:
        name = model.class_names[number]
        truth, scores = samples.labels == number, samples.probabilities[:, number]
        drawn: dict[str, Any] = {"color": looks[name].colour, "linestyle": looks[name].line}
        alarms, found, _ = roc_curve(truth, scores)
        roc.plot(alarms, found, label=style.wrapped(name, 30), **drawn)
        precision, of_class, _ = precision_recall_curve(truth, scores)
        recall.plot(of_class, precision, drawstyle="steps-post", **drawn)
    roc.plot([0, 1], [0, 1], color=style.PALE, linewidth=0.8, linestyle="--", zorder=1)
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="Sensitivity")
    recall.set(title="Precision and recall", xlabel="Recall", ylabel="Precision")
    for axes in (roc, recall):
        style.small_ticks(axes)
    figure.suptitle(f"{style.wrapped(model.label, 60)}: each class against the rest, test part")
    figure.legend(*roc.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


FIGURE = ClinicalFigure(
    "class_curves",
    "Each class against the rest",
    "Of the last model that is shown in detail.",
    _draw,
)
