"""Prediction sets that hold the true class with a stated probability, and what they hold here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aduni.metrics.conformal.coverage import mean_of_groups
from aduni.metrics.estimate import Estimate
from aduni.metrics.samples import Floats, Samples
from aduni.metrics.screening.outcome import Bools
from aduni.reporting.clinical.calibration_basis import calibration_basis, too_few_groups
from aduni.reporting.clinical.cells import MAX_RESAMPLES, number_cell
from aduni.reporting.clinical.model_predictions import ModelPredictions, SeedPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions
from aduni.results.decision.choose import calibrate
from aduni.results.decision.questions import Conformal

KINDS = {"all images": False, "class-conditional": True}
"""Whether the sets of a kind keep their level within each class."""


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    shown = [model for model in models if model.has_part("validation")]
    level = questions.conformal.confidence_level
    if not shown or level is None:
        return []
    names = models[0].class_names
    columns = [Column("Metric")]
    columns += [Column(kind, model.label, numeric=True) for model in shown for kind in KINDS]
    lines = ["Mean size", "Share with one class", "Coverage", *(f"Coverage of {n}" for n in names)]
    lines += [f"Mean size for {name}" for name in names]
    found = [
        _cells(sets_of(model, questions.conformal, kind), len(names))
        for model in shown
        for kind in KINDS
    ]
    rows = [[PageCell(line), *cells] for line, *cells in zip(lines, *found, strict=True)]
    title = f"Prediction sets at {level:g}"
    note = _note(shown, questions.conformal)
    return [PageTable("prediction-sets", title, columns, rows, note=note)]


def _note(models: Sequence[ModelPredictions], asked: Conformal) -> str:
    sentences = [
        f"The set of an image holds its class with a probability of {asked.confidence_level:g} "
        f"(score {asked.score}), where the images are like those of the calibration.",
        calibration_basis(models),
        too_few_groups(models, asked),
        "Each group counts as one.",
    ]
    return " ".join(filter(None, sentences))


@dataclass(frozen=True)
class SeedSets:
    """Contents of the sets of one seed, image by image.

    Attributes:
        size: (n,) classes in the set.
        covered: (n,) 1 where the set holds the true class.
    """

    samples: Samples
    size: Floats
    covered: Floats


def sets_of(model: ModelPredictions, asked: Conformal, kind: str) -> list[SeedSets]:
    """Return the sets of each seed of a model, of a kind in `KINDS`."""
    of_kind = asked.model_copy(update={"class_conditional": KINDS[kind]})
    found = []
    for seed in model.seeds:
        samples, sets = seed.samples.first(1 + MAX_RESAMPLES), _sets(seed, of_kind)
        covered = sets[np.arange(len(sets)), samples.labels]
        sizes = sets.sum(axis=1).astype(np.float64)
        found.append(SeedSets(samples, sizes, covered.astype(np.float64)))
    return found


def _sets(seed: SeedPredictions, asked: Conformal) -> Bools:
    """Return the sets of all images, each calibrated in the run that predicted it."""
    found = []
    for run in seed.runs:
        calibrated = calibrate(run.predictions, run.image_groups, run.class_names, asked)
        found.append(calibrated.sets(run.test_predictions()[2]))
    return np.concatenate(found)


def _cells(sets: Sequence[SeedSets], classes: int) -> list[PageCell]:
    whole = [np.ones(len(each.size), dtype=bool) for each in sets]
    covered = [each.covered for each in sets]
    sizes = [each.size for each in sets]
    cells = [mean_cell(sets, sizes, whole)]
    cells.append(mean_cell(sets, [(each.size == 1).astype(np.float64) for each in sets], whole))
    cells.append(mean_cell(sets, covered, whole))
    for values in (covered, sizes):
        for number in range(classes):
            of_class = [each.samples.labels == number for each in sets]
            cells.append(mean_cell(sets, values, of_class))
    return cells


def mean_cell(
    sets: Sequence[SeedSets], values: Sequence[Floats], chosen: Sequence[Bools]
) -> PageCell:
    """Show the mean of values, (n,) for each seed, over groups of the images that are chosen."""
    triples = zip(sets, values, chosen, strict=True)
    means = [mean_of_groups(each.samples, value, images) for each, value, images in triples]
    return number_cell(Estimate(np.mean(means, axis=0)))


SECTION = ClinicalSection(_build, position=10)
