"""Confusion matrices, as images and as shares of the true class."""

from collections.abc import Iterator, Sequence

from aduni.metrics.confusion_rates import confusion_rates
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.figures.confusion import pooled_confusion
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

MAX_CLASSES = 12
"""Larger matrices have no room; the figure shows them."""
NOTE = "Lines are true classes, columns predicted ones."


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    if len(models[0].class_names) > MAX_CLASSES:
        return []
    numbered = enumerate(models, start=1)
    return [table for number, model in numbered for table in _tables(model, number)]


def _tables(model: ModelPredictions, number: int) -> Iterator[PageTable]:
    names = model.class_names
    columns = [Column("True class"), *(Column(name, numeric=True) for name in names)]
    rates = model.estimate(confusion_rates, MAX_RESAMPLES)
    counts = pooled_confusion(model.runs, names)
    shares = [
        [number_cell(rates, true, each) for each in range(len(names))] for true in range(len(names))
    ]
    images = [[PageCell(f"{count:,}", float(count)) for count in line] for line in counts]
    for kind, cells in {"shares of the true class": shares, "images": images}.items():
        rows = [[PageCell(name), *line] for name, line in zip(names, cells, strict=True)]
        name, title = kind.split()[0], f"Confusion, {kind}: {model.label}"
        note = f"{NOTE} Images of all folds and seeds." if kind == "images" else NOTE
        yield PageTable(f"confusion-{number}-{name}", title, columns, rows, note=note)


SECTION = ClinicalSection(_build, position=2)
