"""All metrics of each class, of the chosen models and their differences."""

from collections.abc import Sequence

from aduni.metrics.estimate import Estimate
from aduni.metrics.names import OF_CLASSES
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    found = [
        [model.estimate(m.function, resamples_of(m)) for m in OF_CLASSES.values()]
        for model in models
    ]
    first = models[0]
    tables = [
        _table(f"by-class-{number}", f"By class: {model.label}", first, each)
        for number, (model, each) in enumerate(zip(models, found, strict=True), start=1)
    ]
    for number, (model, each) in enumerate(zip(models[1:], found[1:], strict=True), start=1):
        differences = [one - other for one, other in zip(each, found[0], strict=True)]
        title = f"By class: {model.label} - {first.label}"
        tables.append(
            _table(f"by-class-differences-{number}", title, first, differences, signed=True)
        )
    return tables


def _table(
    name: str,
    title: str,
    model: ModelPredictions,
    estimates: Sequence[Estimate],
    *,
    signed: bool = False,
) -> PageTable:
    """Make a table with a line for each class."""
    columns = [Column("Class"), Column("Images", numeric=True)]
    columns += [Column(metric.title, numeric=True) for metric in OF_CLASSES.values()]
    images = model.test_counts
    rows = [
        [
            PageCell(class_name),
            PageCell(f"{images[number]:,}", float(images[number])),
            *(number_cell(each, number, signed=signed) for each in estimates),
        ]
        for number, class_name in enumerate(model.class_names)
    ]
    return PageTable(name, title, columns, rows)


SECTION = ClinicalSection(_build, position=2)
