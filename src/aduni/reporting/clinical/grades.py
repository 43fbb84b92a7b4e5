"""Grades decided by the expected grade, with cut points tuned on the validation part."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aduni.metrics.grade_cuts import expected_grades, fit_cuts, grades_by_cuts
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Ints, Samples
from aduni.reporting.clinical.cells import metric_cells
from aduni.reporting.clinical.model_predictions import (
    ModelPredictions,
    SeedPredictions,
)
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.finished_runs import Run

SHOWN = (
    *("quadratic_kappa", "linear_kappa", "mean_absolute_grade_error"),
    *("off_by_one_accuracy", "accuracy", "macro_f1"),
)
"""Metrics that depend on the decision alone."""


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    tuned = [model for model in models if model.ordinal and model.has_part("validation")]
    if not tuned:
        return []
    columns = [Column("Model"), Column("Decision")]
    columns += [Column(OF_PREDICTIONS[key].title, numeric=True) for key in SHOWN]
    rows = []
    for model in tuned:
        probable = [seed.samples for seed in model.seeds]
        expected = [_by_expected_grade(seed) for seed in model.seeds]
        rows.append(
            [PageCell(model.label), PageCell("most probable grade"), *metric_cells(probable, SHOWN)]
        )
        rows.append(
            [PageCell(model.label), PageCell("expected grade"), *metric_cells(expected, SHOWN)]
        )
    note = (
        "The expected grade is the mean of the grades under their probabilities. Cut points "
        "between neighbouring grades are tuned for quadratic kappa on the validation part of each "
        "run."
    )
    return [PageTable("grades", "Grades", columns, rows, note=note)]


def _by_expected_grade(seed: SeedPredictions) -> Samples:
    """Return the samples with all probability on the grade that the cut points of a run decide."""
    grades = np.concatenate([_decided(run) for run in seed.runs])
    classes = seed.samples.probabilities.shape[1]
    return replace(seed.samples, probabilities=np.eye(classes)[grades])


def _decided(run: Run) -> Ints:
    _, labels, probabilities = run.part_predictions("validation")
    cuts = fit_cuts(labels, expected_grades(probabilities), probabilities.shape[1])
    return grades_by_cuts(expected_grades(run.test_predictions()[2]), cuts)


SECTION = ClinicalSection(_build, position=8)
