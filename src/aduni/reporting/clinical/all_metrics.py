"""All metrics of the chosen models, and their differences."""

from collections.abc import Iterator, Sequence

from aduni.metrics.metric import Metric
from aduni.metrics.names import OF_PREDICTIONS
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    first, *others = models
    columns = [Column("Metric"), *(Column(model.label, numeric=True) for model in models)]
    columns += [Column(f"{model.label} - {first.label}", numeric=True) for model in others]
    metrics = [m for m in OF_PREDICTIONS.values() if first.ordinal or not m.ordinal]
    rows = [list(_cells(metric, models)) for metric in metrics]
    return [PageTable("metrics", "All metrics", columns, rows)]


def _cells(metric: Metric, models: Sequence[ModelPredictions]) -> Iterator[PageCell]:
    assert metric.function is not None  # it is one of predictions
    found = [model.estimate(metric.function, resamples_of(metric)) for model in models]
    yield PageCell(metric.title, note=metric.meaning)
    yield from (number_cell(each) for each in found)
    yield from (number_cell(each - found[0], signed=True) for each in found[1:])


SECTION = ClinicalSection(_build, position=1)
