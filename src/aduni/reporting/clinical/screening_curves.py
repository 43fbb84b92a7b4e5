"""Figure of a screening question: ROC curve, precision over recall, and decision curve."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve, roc_curve

from aduni.metrics.screening.decision_curve import decision_curve
from aduni.metrics.screening.outcome import POSITIVE, Outcome, binary
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalFigure
from aduni.reporting.figures import style
from aduni.reporting.questions import Questions
from aduni.results.decision.questions import Screening

CHANCES = np.arange(1, 100) / 100
HEIGHT = 2.4


@style.styled
def _draw(models: Sequence[ModelPredictions], questions: Questions) -> Figure | None:
    """Draw the curves of the first seed of each model, unless all images have one answer."""
    asked = questions.screening
    if not asked.positive_classes or not _has_both(models[0], asked):
        return None
    figure = style.new_figure(style.PAGE, HEIGHT)
    roc, recall, benefit = figure.subplots(1, 3)
    looks = style.looks_of(model.label for model in models)
    for number, model in enumerate(models):
        samples = binary(model.seeds[0].samples, asked.columns_of(model.class_names)).first(1)
        outcome = Outcome(samples, samples.probabilities[:, POSITIVE] >= 1, asked.levels)
        _draw_model(outcome, (roc, recall, benefit), looks[model.label], model.label)
        if not number:
            _draw_references(outcome, (roc, recall, benefit))
    benefit.set_ylim(*limits_of(line.get_ydata() for line in benefit.lines))
    recall.set_ylim(0, 1.03)
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="Sensitivity")
    recall.set(title="Precision and recall", xlabel="Recall", ylabel="Precision")
    benefit.set(title="Decision curve", xlabel="Chance from which one acts", ylabel="Net benefit")
    for axes in (roc, recall, benefit):
        style.small_ticks(axes)
    figure.legend(*roc.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _has_both(model: ModelPredictions, asked: Screening) -> bool:
    """Tell whether the test part has positive and negative images."""
    counts = model.test_counts
    return 0 < sum(counts[number] for number in asked.columns_of(model.class_names)) < sum(counts)


def _draw_model(
    outcome: Outcome, panels: tuple[Axes, Axes, Axes], look: style.Look, label: str
) -> None:
    truth, scores = outcome.samples.labels, outcome.samples.probabilities[:, POSITIVE]
    drawn: dict[str, Any] = {
        "color": look.colour,
        "linestyle": look.line,
        "label": style.wrapped(label, 40),
    }
    alarms, found, _ = roc_curve(truth, scores)
    panels[0].plot(alarms, found, **drawn)
    precision, recall, _ = precision_recall_curve(truth, scores)
    panels[1].plot(recall, precision, drawstyle="steps-post", **drawn)
    panels[2].plot(CHANCES, decision_curve(outcome, CHANCES)[0][0], **drawn)


def _draw_references(outcome: Outcome, panels: tuple[Axes, Axes, Axes]) -> None:
    """Draw what no skill gives: a coin, the prevalence, acting on all and on nobody."""
    pale: dict[str, Any] = {"color": style.PALE, "linewidth": 0.8, "linestyle": "--", "zorder": 1}
    panels[0].plot([0, 1], [0, 1], **pale)
    panels[1].axhline(outcome.samples.labels.mean(), **pale)
    panels[2].plot(CHANCES, decision_curve(outcome, CHANCES)[1][0], **pale)
    panels[2].axhline(0, **pale)


def limits_of(curves: Iterable[ArrayLike]) -> tuple[float, float]:
    """Return the limits of an axis for net benefits: from a little below 0 to the highest."""
    values = np.concatenate([np.ravel(curve).astype(np.float64) for curve in curves])
    highest = float(values[np.isfinite(values)].max(initial=0.0)) or 1.0
    return -0.1 * highest, 1.05 * highest


FIGURE = ClinicalFigure(
    "screening",
    "Screening question",
    "Test part. Dashed: what no skill gives; in the decision curve acting on all, and on nobody. "
    "The decision curve takes the scores as chances, so that they must be calibrated; a stated "
    "prevalence shifts them and the net benefit to it.",
    _draw,
)
