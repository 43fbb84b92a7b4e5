"""Metrics on data of another source, and how far they are from the training's own test part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from aduni.data.splits.predefined import INTERNAL
from aduni.metrics.estimate import Estimate
from aduni.metrics.names import OF_PREDICTIONS, OF_SCREENING
from aduni.metrics.per_class.auroc import class_auroc
from aduni.metrics.samples import Floats, Ints, Samples, class_f1, class_mean, class_recall
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.screening_answers import answered, outcomes, rule_of
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.questions import Screening

OF_CLASSES: dict[str, Callable[[Samples], Floats]] = {
    "balanced_accuracy": lambda samples: class_recall(samples.counts),
    "macro_f1": lambda samples: class_f1(samples.counts),
    "macro_auroc": class_auroc,
}
"""Metrics that are means over the classes; of these, over the classes that both parts have."""
OF_QUESTION = ("sensitivity", "specificity", "auroc")
"""Metrics of the screening question, at the threshold of the model's own validation part."""
SHOWN = ("accuracy", *OF_CLASSES, "quadratic_kappa", "expected_calibration_error")


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    if not all(model.has_part(INTERNAL) for model in models):
        return []
    keys = [key for key in SHOWN if models[0].ordinal or not OF_PREDICTIONS[key].ordinal]
    titles = [OF_PREDICTIONS[key].title for key in keys]
    asked = questions.screening
    if asked.positive_classes:
        titles += [f"{asked.name}: {OF_SCREENING[key].title}" for key in OF_QUESTION]
    columns, rows = [Column("Metric")], [[PageCell(title)] for title in titles]
    held = np.flatnonzero(models[0].test_counts)
    for model in models:
        columns += [
            Column(name, model.label, numeric=True)
            for name in ("internal test", "here", "difference")
        ]
        for row, cells in zip(rows, _all_cells(model, asked, keys, held), strict=True):
            row += cells
    title = "Compared with the internal test"
    return [PageTable("internal-test", title, columns, rows, note=_note(models[0], held))]


def _all_cells(
    model: ModelPredictions, asked: Screening, keys: Sequence[str], held: Ints
) -> Iterator[list[PageCell]]:
    """Yield the cells of each metric, then those of the screening question."""
    for key in keys:
        yield list(_cells(model, key, held))
    if asked.positive_classes:
        kind = rule_of(model, asked)
        here = outcomes(model, asked, kind)
        internal = outcomes(replace(model, part=INTERNAL), asked, kind)
        for key in OF_QUESTION:
            metric = OF_SCREENING[key]
            if kind is None and metric.at_threshold:
                yield [UNDEFINED] * 3
            else:
                yield list(_pair(*(answered(part, metric) for part in (internal, here))))


def _note(model: ModelPredictions, held: Ints) -> str:
    missing = [name for i, name in enumerate(model.class_names) if i not in held]
    without = f"the classes that are here too, without {', '.join(missing)}"
    classes = without if missing else "all classes"
    return (
        f"The models were trained on {model.runs[0].trained_on}, whose test part is the "
        "internal test. The two have different images, so that their groups are drawn "
        "independently of each other. Accuracy, macro F1 and kappa also change with how frequent "
        "the classes are; balanced accuracy and AUROC do not. Macro F1, balanced accuracy and "
        f"AUROC are means over {classes}."
    )


def _cells(model: ModelPredictions, key: str, held: Ints) -> Iterator[PageCell]:
    function, count = _function(key, held), resamples_of(OF_PREDICTIONS[key])
    internal = replace(model, part=INTERNAL).estimate(function, count)
    yield from _pair(internal, model.estimate(function, count))


def _pair(internal: Estimate, here: Estimate) -> Iterator[PageCell]:
    """Yield both numbers and their difference, whose resamples are independent of each other."""
    yield from (number_cell(internal), number_cell(here))
    yield number_cell(here - internal.shuffled, signed=True)


def _function(key: str, held: Ints) -> Callable[[Samples], Floats]:
    """Return a metric of S samples, over the classes of some numbers."""
    if key in OF_CLASSES:
        return lambda samples: class_mean(OF_CLASSES[key](samples)[:, held])
    function = OF_PREDICTIONS[key].function
    assert function is not None  # it is one of predictions
    return function


SECTION = ClinicalSection(_build, position=0)
