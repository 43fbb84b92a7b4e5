"""A screening question: thresholds chosen on validation parts, and their results on test parts."""

from collections.abc import Iterator, Sequence

import numpy as np

from aduni.metrics.names import OF_SCREENING
from aduni.metrics.screening.outcome import POSITIVE, Outcome, binary
from aduni.metrics.screening.thresholds import CHOOSERS, Level
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import (
    ModelPredictions,
    SeedPredictions,
    estimate,
)
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.choose import choose_threshold
from aduni.results.decision.questions import Screening
from aduni.results.finished_runs import Run


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
    title = f"{asked.name}: {', '.join(asked.positive_classes)}"
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
        f"its test part. Predictive values are for the prevalence {prevalence}. The last two lines "
        f"are points of the test part's own ROC curve, at a specificity of {asked.specificity:g} "
        f"and at a sensitivity of {asked.sensitivity:g}."
    )


def _columns(model: ModelPredictions, asked: Screening) -> Iterator[tuple[str, list[PageCell]]]:
    """Yield each rule that can choose a threshold, with its cells."""
    positive = asked.columns_of(model.class_names)
    for kind in CHOOSERS:
        thresholds = [_threshold(run, asked, kind) for run in model.runs]
        if None in thresholds:
            continue  # a validation part has no positive or no negative images
        values = np.array(thresholds, dtype=np.float64)
        spread = f"{values.min():.3f} to {values.max():.3f}" if np.ptp(values) > 0 else ""
        cells = [PageCell(f"{values.mean():.3f}", float(values.mean()), note=spread)]
        outcomes = [_outcome(seed, positive, asked, kind) for seed in model.seeds]
        for metric in OF_SCREENING.values():
            most = [outcome.first(1 + resamples_of(metric)) for outcome in outcomes]
            cells.append(number_cell(estimate(most, metric.function)))
        yield f"{kind} {getattr(asked, kind):g}", cells


def _threshold(run: Run, asked: Screening, kind: Level) -> float | None:
    return choose_threshold(run.predictions, run.class_names, asked, kind)


def _outcome(
    seed: SeedPredictions, positive: Sequence[int], asked: Screening, kind: Level
) -> Outcome:
    """Return the answers of the runs of a seed, each at the threshold of its validation part."""
    samples = binary(seed.samples, positive)
    thresholds = np.concatenate(
        [np.full(len(run.test_predictions()[1]), _threshold(run, asked, kind)) for run in seed.runs]
    )
    return Outcome(samples, samples.probabilities[:, POSITIVE] >= thresholds, asked.levels)


SECTION = ClinicalSection(_build, position=5)
