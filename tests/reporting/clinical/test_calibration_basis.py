"""What the page says about the calibration of prediction sets."""

import numpy as np
import pandas as pd
import pytest

from aduni.reporting.clinical.calibration_basis import calibration_basis, too_few_groups
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.results.decision.questions import Conformal
from aduni.results.finished_runs import Run
from aduni.results.run_folder import RunFolder

NAMES = ["benign", "melanoma"]


def model(tmp_path, part: str = "calibration", **metrics) -> ModelPredictions:
    """Twelve patients with one benign image each, of whom three have a melanoma, too."""
    groups = np.array([*range(12), 0, 1, 2])
    labels = ["benign"] * 12 + ["melanoma"] * 3
    images = [f"i{number}" for number in range(15)]
    split = pd.DataFrame({"image": images, "group": groups, "label": labels, "part": part})
    predictions = split.drop(columns="group").assign(p_benign=0.5, p_melanoma=0.5)
    counts = {"training_counts": dict.fromkeys(NAMES, 1)}
    run = Run(RunFolder(tmp_path), {}, {**counts, **metrics}, predictions, split, pd.DataFrame())
    return ModelPredictions("A", "here", {(0, 0): run})


def level(value: float) -> Conformal:
    return Conformal(confidence_level=value, score="lac", class_conditional=True)


def test_sets_on_another_source_have_no_guarantee(tmp_path):
    own, other = model(tmp_path), model(tmp_path, trained_on="APTOS 2019")
    assert "no other use" in calibration_basis([own])
    assert calibration_basis([other]).startswith("No guarantee: calibrated on images of APTOS 2019")
    assert "validation part" in calibration_basis([model(tmp_path, "validation")])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.6, ""),
        (0.9, "in a run (melanoma: 3 groups, 9 needed):"),
        (0.95, "(all images: 12 groups, 19 needed; benign: 12 groups, 19 needed; melanoma: 3"),
    ],
)
def test_too_few_groups_for_the_level_are_named(tmp_path, value, words):
    found = too_few_groups([model(tmp_path)], level(value))
    assert words in found
    assert bool(found) == bool(words)
