"""All metrics of each class, of the chosen models and their differences.

Metrics of the decisions and of the probabilities have a table each, which fits a screen.
"""

from collections.abc import Iterator, Sequence

from aduni.metrics.estimate import Estimate
from aduni.metrics.names import OF_CLASSES
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

DECISIONS = ("precision", "recall", "specificity", "f1")
KINDS = {
    "decisions": DECISIONS,
    "probabilities": tuple(key for key in OF_CLASSES if key not in DECISIONS),
}

Found = dict[str, Estimate]


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    found = [
        {key: model.estimate(m.function, resamples_of(m)) for key, m in OF_CLASSES.items()}
        for model in models
    ]
    tables: list[PageTable] = []
    for number, (model, each) in enumerate(zip(models, found, strict=True), start=1):
        tables += _tables(f"by-class-{number}", model.label, models[0], each)
    for number, (model, each) in enumerate(zip(models[1:], found[1:], strict=True), start=1):
        differences = {key: value - found[0][key] for key, value in each.items()}
        name, label = f"by-class-differences-{number}", f"{model.label} - {models[0].label}"
        tables += _tables(name, label, models[0], differences, signed=True)
    return tables


def _tables(
    name: str, label: str, model: ModelPredictions, found: Found, *, signed: bool = False
) -> Iterator[PageTable]:
    """Yield a table of each kind of metrics, with a line for each class."""
    for kind, keys in KINDS.items():
        chosen = {key: found[key] for key in keys}
        yield _table(f"{name}-{kind}", f"By class, {kind}: {label}", model, chosen, signed=signed)


def _table(
    name: str, title: str, model: ModelPredictions, found: Found, *, signed: bool
) -> PageTable:
    columns = [Column("Class"), Column("Images", numeric=True)]
    columns += [Column(OF_CLASSES[key].title, numeric=True) for key in found]
    images = model.test_counts
    rows = [
        [
            PageCell(class_name),
            PageCell(f"{images[number]:,}", float(images[number])),
            *(number_cell(each, number, signed=signed) for each in found.values()),
        ]
        for number, class_name in enumerate(model.class_names)
    ]
    return PageTable(name, title, columns, rows)


SECTION = ClinicalSection(_build, position=2)
