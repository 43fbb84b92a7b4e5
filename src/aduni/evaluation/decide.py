"""Choose the thresholds of a run on its validation and calibration parts, for decision.json."""

import math
from pathlib import Path

import pandas as pd

from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.metrics.conformal.prediction_sets import least_groups
from aduni.results.decision.choose import (
    THRESHOLD_PART,
    calibrate,
    calibration_part,
    choose_threshold,
    is_guaranteed,
    missing_for_threshold,
)
from aduni.results.decision.cost_matrix import read_cost_matrix
from aduni.results.decision.decision_json import Decision, ScreeningDecision, SetDecision
from aduni.results.decision.questions import Conformal, DecisionQuestions, Screening


def decide(
    trained: TrainedModel,
    predictions: pd.DataFrame,
    groups: pd.Series,
    questions: DecisionQuestions,
) -> Decision:
    """Return how to decide by a model.

    Args:
        predictions: content of predictions.csv.
        groups: group of each image, by its name.
        questions: that are asked.

    Raises:
        UserError: if the parts have too few images for what is asked, or the costs lack something.
    """
    if THRESHOLD_PART not in set(predictions["part"]):
        raise UserError(
            f"{trained.path} was trained without a validation part, on which thresholds are "
            "chosen; give a run of protocol=clean."
        )
    screening, conformal, names = questions.screening, questions.conformal, trained.class_names
    asked, level = bool(screening.positive_classes), conformal.confidence_level
    return Decision(
        split_hash=trained.split_hash,
        epoch=trained.epoch,
        weights=trained.weights_digest,
        class_names=tuple(names),
        screening=_threshold(predictions, names, screening) if asked else None,
        sets=_sets(predictions, groups, names, conformal, level) if level else None,
        costs=_costs(questions.cost_matrix, names) if questions.cost_matrix else None,
    )


def _threshold(predictions: pd.DataFrame, names: list[str], asked: Screening) -> ScreeningDecision:
    threshold = choose_threshold(predictions, names, asked, asked.threshold_for)
    positive = tuple(names[number] for number in asked.columns_of(names))
    if threshold is None:
        missing = missing_for_threshold(predictions, names, asked)
        raise UserError(
            f"The {THRESHOLD_PART} part {missing}, so that no threshold can be chosen; choose "
            "other screening.positive_classes, or another fold."
        )
    return ScreeningDecision(
        name=asked.name,
        positive_classes=positive,
        threshold=threshold if math.isfinite(threshold) else None,
        chosen_for=f"{asked.threshold_for} {getattr(asked, asked.threshold_for):g}",
        part=THRESHOLD_PART,
        sensitivity=asked.sensitivity,
        specificity=asked.specificity,
        prevalence=asked.prevalence,
    )


def _costs(file: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """Return the cost of each decision, by true class."""
    rows = zip(names, read_cost_matrix(file, names), strict=True)
    return {true: dict(zip(names, map(float, row), strict=True)) for true, row in rows}


def _sets(
    predictions: pd.DataFrame, groups: pd.Series, names: list[str], asked: Conformal, level: float
) -> SetDecision:
    part = calibration_part(predictions)
    images = predictions.loc[predictions["part"] == part, "image"]
    least, count = least_groups(level), groups.loc[images].nunique()
    if count < least:
        raise UserError(
            f"The {part} part has {count} groups of images, and a level of {level:g} needs "
            f"{least}; lower conformal.confidence_level, or "
            f"raise protocol.{part}_fraction."
        )
    found = calibrate(predictions, groups, names, asked)
    limits = [value if math.isfinite(value) else None for value in found.thresholds]
    return SetDecision(
        confidence_level=level,
        score=asked.score,
        class_conditional=asked.class_conditional,
        thresholds=dict(zip(names, limits, strict=True)),
        part=part,
        guaranteed=is_guaranteed(part),
    )
