"""The same metrics for whole patients or lesions, whose images are predicted together."""

from collections.abc import Sequence

import numpy as np

from aduni.metrics.estimate import with_all
from aduni.metrics.group_level import group_labels, group_probabilities
from aduni.metrics.names import OF_PREDICTIONS, OF_SCREENING
from aduni.metrics.samples import Samples
from aduni.metrics.screening.outcome import binary
from aduni.reporting.clinical.cells import metric_cells, number_cell
from aduni.reporting.clinical.model_predictions import (
    ModelPredictions,
    SeedPredictions,
)
from aduni.reporting.clinical.screening_answers import answered, uncalled
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.questions import Screening

TITLE = "Whole patients, lesions or sets of copies"
SHOWN = ("accuracy", "macro_f1", "balanced_accuracy", "macro_auroc", "quadratic_kappa")


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    rows_of = models[0].seeds[0].rows
    groups = rows_of["group"].nunique()
    if groups == len(rows_of):
        return []
    keys = [key for key in SHOWN if models[0].ordinal or not OF_PREDICTIONS[key].ordinal]
    columns = [Column("Model"), Column("Unit")]
    columns += [Column(OF_PREDICTIONS[key].title, numeric=True) for key in keys]
    units = [
        (model, unit, parts)
        for model in models
        for unit, parts in {
            "image": [seed.samples for seed in model.seeds],
            "group": [_of_groups(seed, model, questions) for seed in model.seeds],
        }.items()
    ]
    rows = [
        [PageCell(model.label), PageCell(unit), *metric_cells(parts, keys)]
        for model, unit, parts in units
    ]
    note = _note(models[0], questions)
    found = [PageTable("groups", TITLE, columns, rows, note=note)]
    if questions.screening.positive_classes:
        found.append(_screening(units, questions.screening))
    return found


def _screening(
    units: Sequence[tuple[ModelPredictions, str, list[Samples]]], asked: Screening
) -> PageTable:
    """Return the metrics of the screening question that take no threshold, of images and groups."""
    metrics = [metric for metric in OF_SCREENING.values() if not metric.at_threshold]
    columns = [Column("Model"), Column("Unit")]
    columns += [Column(metric.title, numeric=True) for metric in metrics]
    rows = []
    for model, unit, parts in units:
        positive = asked.columns_of(model.class_names)
        answers = [uncalled(binary(part, positive), asked) for part in parts]
        cells = [number_cell(answered(answers, metric)) for metric in metrics]
        rows.append([PageCell(model.label), PageCell(unit), *cells])
    note = (
        "A threshold is chosen for images, not for groups; these metrics need none, or take it "
        f"from the test part's own ROC curve, at a specificity of {asked.specificity:g} and at a "
        f"sensitivity of {asked.sensitivity:g}."
    )
    return PageTable("groups-screening", f"{asked.name}: {TITLE.lower()}", columns, rows, note=note)


def _note(model: ModelPredictions, questions: Questions) -> str:
    seed = model.seeds[0]
    labels = group_labels(seed.samples.labels, seed.samples.members, ordinal=model.ordinal)
    rule = {"mean": "mean", "max": "maximum", "noisy_or": "noisy or"}[questions.group_level]
    mixed = int((labels < 0).sum())
    left_out = f" {mixed} groups whose images have several classes are left out." if mixed else ""
    grade = " The grade of a group is that of its worst image." if model.ordinal else ""
    return (
        f"{len(seed.rows):,} images of {len(labels):,} groups; the {rule} of the images' "
        f"probabilities (group_level={questions.group_level}).{grade}{left_out}"
    )


def _of_groups(seed: SeedPredictions, model: ModelPredictions, questions: Questions) -> Samples:
    """Return the predictions of the groups of one class, each a group of its own."""
    given = seed.samples
    _, probabilities = group_probabilities(
        given.probabilities, given.members, questions.group_level
    )
    labels = group_labels(given.labels, given.members, ordinal=model.ordinal)
    kept = labels >= 0
    count = int(kept.sum())
    return Samples(labels[kept], probabilities[kept], np.arange(count), with_all(count))


SECTION = ClinicalSection(_build, position=9)
