"""What the report and decision.json share: which part chooses a threshold and calibrates sets."""

import math

import numpy as np
import pandas as pd
import pytest

from aduni.results.decision.choose import (
    calibrate,
    calibration_part,
    choose_threshold,
    is_guaranteed,
)
from aduni.results.decision.questions import Conformal, Screening

NAMES = ["none", "mild", "severe"]
SETS = Conformal(confidence_level=0.8, score="lac", class_conditional=False)


def question(*positive: str, **levels: float) -> Screening:
    return Screening(
        positive_classes=positive,
        name="any",
        threshold_for="sensitivity",
        **{"sensitivity": 0.75, "specificity": 0.5, "prevalence": None, **levels},
    )


def rows(part: str, labels: list[str], scores: list[float]) -> pd.DataFrame:
    """Return predictions whose classes other than the first have the score together."""
    halves = np.array(scores) / 2
    table = {"p_none": 1 - 2 * halves, "p_mild": halves, "p_severe": halves}
    images = [f"{part}{number}" for number in range(len(labels))]
    return pd.DataFrame({"image": images, "part": part, "label": labels, **table})


def test_a_threshold_is_chosen_on_the_validation_part_alone():
    given = pd.concat(
        [
            rows("validation", ["mild", "severe", "mild", "mild", "none", "none"], [0.9, 0.8] * 3),
            rows("calibration", ["mild", "none"], [0.1, 0.2]),
            rows("test", ["mild", "none"], [0.3, 0.4]),
        ]
    )
    asked = question("mild", "severe")
    # Positive scores 0.9 0.8 0.9 0.8: three of four are at or above 0.8.
    assert choose_threshold(given, NAMES, asked, "sensitivity") == pytest.approx(0.8)
    # Negative scores 0.9 0.8: one of two is below 0.9.
    assert choose_threshold(given, NAMES, asked, "specificity") == pytest.approx(0.9)


def test_a_threshold_may_be_infinite_and_may_not_exist():
    given = rows("validation", ["mild", "none"], [0.5, 0.7])
    assert choose_threshold(given, NAMES, question("mild"), "specificity") == math.inf
    for missing in (["none", "none"], ["mild", "mild"]):
        given = rows("validation", missing, [0.5, 0.7])
        assert choose_threshold(given, NAMES, question("mild"), "sensitivity") is None


@pytest.mark.parametrize("part", ["calibration", "validation"])
def test_sets_are_calibrated_on_a_part_of_their_own_if_there_is_one(part):
    """By hand: the four groups of it need all of their scores for 0.8; one has two images."""
    scores = [0.1, 0.2, 0.3, 0.4, 0.25]
    given = rows(part, ["none"] * 5, scores)
    if part == "calibration":
        given = pd.concat([given, rows("validation", ["none"] * 5, [0.9] * 5)])
    groups = pd.Series([1, 2, 3, 4, 4], index=[f"{part}{number}" for number in range(5)])
    assert calibration_part(given) == part
    assert is_guaranteed(part) == (part == "calibration")
    assert calibrate(given, groups, NAMES, SETS).thresholds == pytest.approx([0.4] * 3)
