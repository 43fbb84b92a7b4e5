"""Confusion matrices, as images and as shares of the true class."""

from collections.abc import Sequence

from aduni.metrics.confusion_rates import confusion_rates
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.figures.confusion import pooled_confusion
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

MAX_CLASSES = 12
"""Larger matrices have no room; the figure shows them."""
NOTE = (
    "Lines are true classes, columns predicted ones: shares of the true class, and images of all "
    "folds and seeds."
)


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    if len(models[0].class_names) > MAX_CLASSES:
        return []
    return [_table(model, number) for number, model in enumerate(models, start=1)]


def _table(model: ModelPredictions, number: int) -> PageTable:
    names = model.class_names
    groups = ("share of the true class", "images")
    columns = [Column("True class")]
    columns += [Column(name, group, numeric=True) for group in groups for name in names]
    rates = model.estimate(confusion_rates, MAX_RESAMPLES)
    counts = pooled_confusion(model.runs, names)
    rows = [
        [
            PageCell(name),
            *(number_cell(rates, true, predicted) for predicted in range(len(names))),
            *(PageCell(f"{count:,}", float(count)) for count in counts[true]),
        ]
        for true, name in enumerate(names)
    ]
    title = f"Confusion: {model.label}"
    return PageTable(f"confusion-{number}", title, columns, rows, note=NOTE)


SECTION = ClinicalSection(_build, position=2)
