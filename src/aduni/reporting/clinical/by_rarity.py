"""Means over classes with many, medium and few training images."""

from collections.abc import Sequence

from aduni.metrics.names import OF_CLASSES
from aduni.metrics.rarity import FEW, MANY, means_by_rarity, rarity_masks
from aduni.metrics.samples import Floats, Samples
from aduni.reporting.clinical.cells import number_cell, resamples_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import ClinicalSection
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.questions import Questions

SHOWN = ("recall", "f1", "auroc", "average_precision", "calibration_error")


def _build(models: Sequence[ModelPredictions], questions: Questions) -> list[PageTable]:
    counts = models[0].training_counts
    masks = rarity_masks(counts)
    if len(masks) < 2:
        return []
    columns = [Column("Model"), Column("Classes")]
    columns += [Column(OF_CLASSES[key].title, numeric=True) for key in SHOWN]
    rows = [
        [PageCell(model.label), PageCell(f"{kind} ({mask.sum()})"), *_cells(model, kind)]
        for model in models
        for kind, mask in masks.items()
    ]
    note = (
        f"Means over classes with many (over {MANY}), medium and few (below {FEW}) images in the "
        "training part of the first fold."
    )
    return [PageTable("by-rarity", "By rarity", columns, rows, note=note)]


def _cells(model: ModelPredictions, kind: str) -> list[PageCell]:
    return [_mean(model, kind, key) for key in SHOWN]


def _mean(model: ModelPredictions, kind: str, key: str) -> PageCell:
    metric = OF_CLASSES[key]

    def of_kind(samples: Samples) -> Floats:
        return means_by_rarity(metric.function(samples), model.training_counts)[kind]

    return number_cell(model.estimate(of_kind, resamples_of(metric)))


SECTION = ClinicalSection(_build, position=3)
