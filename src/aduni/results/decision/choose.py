"""Choose thresholds and calibrate prediction sets from a model's predictions of its parts."""

import numpy as np
import pandas as pd

from aduni.metrics.conformal.prediction_sets import PredictionSets, calibrate_sets
from aduni.metrics.screening.thresholds import CHOOSERS, Level
from aduni.results.decision.decision_json import Source
from aduni.results.decision.questions import Conformal, Screening
from aduni.results.predictions_csv import labels_and_probabilities

THRESHOLD_PART: Source = "validation"
"""Part that thresholds of a screening question are chosen on."""


def choose_threshold(
    predictions: pd.DataFrame, class_names: list[str], asked: Screening, kind: Level
) -> float | None:
    """Return the threshold that keeps a level on the validation part; None if none can.

    None can where this part has no positive, or no negative image. The threshold is infinite where
    nothing may be called positive.

    Args:
        predictions: content of predictions.csv.
        asked: the question, with its levels.
        kind: of the level.
    """
    positive = asked.columns_of(class_names)
    labels, probabilities = labels_and_probabilities(
        predictions[predictions["part"] == THRESHOLD_PART], class_names
    )
    truth = np.isin(labels, positive)
    if truth.all() or not truth.any():
        return None
    return CHOOSERS[kind](truth, probabilities[:, positive].sum(axis=1), getattr(asked, kind))


def missing_for_threshold(
    predictions: pd.DataFrame, class_names: list[str], asked: Screening
) -> str | None:
    """Return what no threshold can be chosen for the lack of, as a sentence's predicate.

    It is None where `choose_threshold` finds a threshold, else such as "has no positive image".
    """
    labels = predictions.loc[predictions["part"] == THRESHOLD_PART, "label"]
    if labels.empty:
        return "is missing"
    positive = labels.isin([class_names[number] for number in asked.columns_of(class_names)])
    if positive.all() or not positive.any():
        return f"has no {'negative' if positive.all() else 'positive'} image"
    return None


def calibration_part(predictions: pd.DataFrame) -> Source:
    """Return the part that prediction sets are calibrated on: its own, or else validation."""
    return "calibration" if (predictions["part"] == "calibration").any() else "validation"


def is_guaranteed(part: Source) -> bool:
    """Tell whether sets that are calibrated on a part keep their level: it had no other use."""
    return part == "calibration"


def calibrate(
    predictions: pd.DataFrame, groups: pd.Series, class_names: list[str], asked: Conformal
) -> PredictionSets:
    """Calibrate prediction sets on the part for them.

    Args:
        predictions: content of predictions.csv.
        groups: group of each image, by its name.
        asked: level and kind of the sets; there must be a level.
    """
    assert asked.confidence_level is not None  # else there are no sets
    rows = predictions[predictions["part"] == calibration_part(predictions)]
    labels, probabilities = labels_and_probabilities(rows, class_names)
    return calibrate_sets(
        labels,
        probabilities,
        groups.loc[rows["image"]].to_numpy(),
        score=asked.score,
        confidence_level=asked.confidence_level,
        class_conditional=asked.class_conditional,
    )


def calibration_groups(
    predictions: pd.DataFrame, groups: pd.Series, class_names: list[str]
) -> dict[str, int]:
    """Return the number of groups of each class in the part that prediction sets are calibrated on.

    Args:
        predictions: content of predictions.csv.
        groups: group of each image, by its name.
    """
    rows = predictions[predictions["part"] == calibration_part(predictions)]
    found = groups.loc[rows["image"]].groupby(rows["label"].to_numpy()).nunique()
    return {name: int(found.get(name, 0)) for name in class_names}
