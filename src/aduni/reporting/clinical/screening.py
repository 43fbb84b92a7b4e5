"""A screening question: thresholds chosen on validation parts, and their results on test parts."""

from collections.abc import Iterator, Sequence

import numpy as np

from aduni.metrics.names import OF_SCREENING
from aduni.metrics.screening.thresholds import CHOOSERS, Level
from aduni.reporting.clinical.cells import number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.screening_answers import (
    answered,
    missing_part,
    outcomes,
    threshold_of,
)
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.choose import THRESHOLD_PART
from aduni.results.decision.questions import Screening


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    asked = questions.screening
    if not asked.positive_classes:
        return []
    columns, rows = [Column("Metric")], [[PageCell(title)] for title in _titles()]
    for model in models:
        for rule, cells in _columns(model, asked):
            columns.append(Column(rule, model.label, numeric=True))
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)
    classes = ", ".join(asked.positive_classes)
    title = classes if asked.name == classes else f"{asked.name}: {classes}"
    return [PageTable("screening", title, columns, rows, note=_note(models, asked))]


def _titles() -> list[str]:
    return ["Threshold", *(metric.title for metric in OF_SCREENING.values())]


def _note(models: Sequence[ModelPredictions], asked: Screening) -> str:
    prevalence = "of the test images" if asked.prevalence is None else f"{asked.prevalence:g}"
    counts = models[0].test_counts
    positive = sum(counts[number] for number in asked.columns_of(models[0].class_names))
    return (
        f"{positive:,} of {sum(counts):,} test images are positive. An image is called positive if "
        "the probabilities of these classes sum to the threshold or more. A threshold is chosen on "
        "the validation part of each run, for a sensitivity or a specificity there, and applied to "
        "its test part; below it are the lowest and the highest of the runs. "
        f"{_without_threshold(models, asked)}"
        f"Predictive values are for the prevalence {prevalence}. The last two lines "
        f"are points of the test part's own ROC curve, at a specificity of {asked.specificity:g} "
        f"and at a sensitivity of {asked.sensitivity:g}."
    )


def _without_threshold(models: Sequence[ModelPredictions], asked: Screening) -> str:
    """Say why models have no threshold, and what takes one; empty where all have one."""
    missing = {model.label: missing_part(model, asked) for model in models}
    sentences = [
        f"There is no threshold for {label}: the {THRESHOLD_PART} part of a run {reason}. "
        for label, reason in missing.items()
        if reason
    ]
    if not sentences:
        return ""
    return "".join(sentences) + "Metrics that do not depend on a threshold are given nevertheless. "


def _columns(model: ModelPredictions, asked: Screening) -> Iterator[tuple[str, list[PageCell]]]:
    """Yield each rule that chooses a threshold, or else "no threshold", with its cells."""
    if missing_part(model, asked):
        yield "no threshold", [UNDEFINED, *_metric_cells(model, asked, None)]
        return
    for kind in CHOOSERS:
        values = np.array([threshold_of(run, asked, kind) for run in model.runs], dtype=np.float64)
        spread = f"{values.min():.3f} to {values.max():.3f}" if np.ptp(values) > 0 else ""
        cell = PageCell(f"{values.mean():.3f}", float(values.mean()), note=spread)
        yield f"{kind} {getattr(asked, kind):g}", [cell, *_metric_cells(model, asked, kind)]


def _metric_cells(
    model: ModelPredictions, asked: Screening, kind: Level | None
) -> Iterator[PageCell]:
    """Yield the cells of all metrics; without a rule a dash for those that take a threshold."""
    answers = outcomes(model, asked, kind)
    for metric in OF_SCREENING.values():
        if kind is None and metric.at_threshold:
            yield UNDEFINED
            continue
        yield number_cell(answered(answers, metric))


SECTION = ClinicalSection(_build, position=5)
