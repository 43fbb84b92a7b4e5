"""The screening table where no threshold can be chosen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from aduni.reporting.build import report_predictions
from aduni.reporting.questions import Questions
from tests.reporting.clinical.test_details import questions, table


def _page(frame, output: Path, asked: Questions) -> tuple[pd.DataFrame, str]:
    page = report_predictions({Path("all"): frame}, output, questions=asked)
    return pd.read_csv(page.parent / "tables" / "details.csv"), page.read_text()


@pytest.mark.parametrize("missing", ["part", "positive", "negative"])
def test_metrics_without_a_threshold_are_given(tmp_path, missing):
    frame = table("strong", 2.0)
    validation, severe = frame["part"] == "validation", frame["label"] == "severe"
    dropped, words = {
        "part": (validation, "is missing"),
        "positive": (validation & severe, "has no positive image"),
        "negative": (validation & ~severe, "has no negative image"),
    }[missing]
    frame = frame[~dropped]
    asked = questions(screening={"positive_classes": ["severe"], "name": "any"})
    found, text = _page(frame, tmp_path, asked)
    found = found[found["table"].str.startswith("any: severe")].set_index("line")
    tested = frame[frame["part"] == "test"]
    truth, scores = tested["label"] == "severe", tested["p_severe"]
    assert found.loc["AUROC", "value"] == pytest.approx(roc_auc_score(truth, scores))
    assert found.loc["AUROC", "low"] < found.loc["AUROC", "value"] < found.loc["AUROC", "high"]
    assert found.loc["Average precision", "value"] == pytest.approx(
        average_precision_score(truth, scores)
    )
    at = np.sort(scores[~truth])[int(np.ceil(0.95 * (~truth).sum() - 1e-9)) - 1]
    expected = (scores[truth] > at).mean()
    assert found.loc["Sensitivity at the stated specificity", "value"] == pytest.approx(expected)
    assert np.isnan(found.loc["Sensitivity", "value"])
    assert np.isnan(found.loc["Threshold", "value"])
    assert f"no threshold for strong: the validation part of a run {words}." in text


def test_a_question_that_is_named_as_its_class_has_a_short_title(tmp_path):
    asked = questions(screening={"positive_classes": ["severe"], "name": "severe"})
    found, _ = _page(table("strong", 2.0), tmp_path, asked)
    assert found["table"].str.startswith("severe, ").any()
    assert not found["table"].str.contains("severe: severe").any()
