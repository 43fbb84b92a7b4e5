"""evaluate.py stores how to decide by a model, and predict.py decides by it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from aduni.metrics.conformal.prediction_sets import calibrate_sets
from aduni.results.run_folder import RunFolder
from aduni.training.run_page.refresh import refresh_card

IMAGES = Path(__file__).parents[2] / "examples" / "digits" / "images"
QUESTION = ("screening.positive_classes=[8,9]", "screening.name=late", "screening.sensitivity=0.9")


@pytest.fixture
def trained(past_run):
    return past_run("method=ce", "protocol.calibration_fraction=0.5")


def decide(command, trained) -> dict:
    words = (*QUESTION, "conformal.confidence_level=0.8")
    finished = command("evaluate", f"ckpt={trained}", *words)
    assert finished.status == 0, finished.err
    decided = json.loads((trained / "decision.json").read_text())
    _check_summary(finished.out, trained, decided)
    return decided


def _check_summary(text: str, trained, decided):
    """What was decided is printed with its file and the command that uses it."""
    assert f"Decision: {trained / 'decision.json'}" in text
    threshold = f"{decided['screening']['threshold']:.4g}"
    assert f"late: positive from a score of {threshold} (sensitivity 0.9 on the vali" in text
    assert "sets at 0.8, class-conditional, guaranteed" in text
    assert f"images=DIR decision={trained / 'decision.json'} output=predictions.csv" in text


def _part(trained, part: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = pd.read_csv(trained / "predictions.csv", dtype={"label": str})
    rows = rows[rows["part"] == part]
    return rows, rows[[f"p_{digit}" for digit in range(10)]]


def test_images_are_decided_by_thresholds_of_the_parts_for_them(command, trained, tmp_path):
    decided = decide(command, trained)
    _check_threshold(trained, decided)
    _check_sets(trained, decided)
    _check_new_images(command, trained, decided, tmp_path)
    _check_card(trained, decided)


def _check_threshold(trained, decided):
    """At least 90 % of the positive validation images are found, and with one less fewer."""
    rows, probabilities = _part(trained, "validation")
    scores = probabilities["p_8"] + probabilities["p_9"]
    found = scores[rows["label"].isin(["8", "9"])] >= decided["screening"]["threshold"] - 1e-12
    assert found.mean() >= 0.9
    assert (found.sum() - 1) / len(found) < 0.9
    assert decided["screening"]["chosen_for"] == "sensitivity 0.9"
    assert decided["screening"]["part"] == "validation"


def _check_sets(trained, decided):
    rows, probabilities = _part(trained, "calibration")
    split = pd.read_csv(trained / "split.csv").set_index("image")["group"]
    expected = calibrate_sets(
        rows["label"].astype(int).to_numpy(),
        probabilities.to_numpy(),
        split.loc[rows["image"]].to_numpy(),
        confidence_level=0.8,
        class_conditional=True,
    )
    stored = [np.inf if v is None else v for v in decided["sets"]["thresholds"].values()]
    assert stored == pytest.approx(expected.thresholds)
    assert decided["sets"]["guaranteed"] is True


def _check_new_images(command, trained, decided, tmp_path):
    output = tmp_path / "new.csv"
    given = f"ckpt={trained}", f"images={IMAGES}", f"output={output}"
    finished = command("predict", *given, f"decision={trained / 'decision.json'}")
    assert finished.status == 0, finished.err
    last = finished.out.splitlines()[-1]
    assert last.startswith("Decided by late: positive from a score of ")
    assert "; sets at 0.8, class-conditional, guaranteed" in last
    assert "not calibrated, as decision= is for probabilities as they are" in finished.out
    table = pd.read_csv(output, dtype={"set": str}, keep_default_na=False)
    assert np.allclose(table["score_late"], table["p_8"] + table["p_9"])
    positive = table["score_late"] >= decided["screening"]["threshold"]
    assert (table["late"] == np.where(positive, "positive", "negative")).all()
    for row in table.to_dict("records"):
        limits = decided["sets"]["thresholds"]
        held = [c for c, v in limits.items() if v is None or 1 - row[f"p_{c}"] <= v + 1e-12]
        assert row["set"] == "; ".join(held)


def _check_card(trained, decided):
    """The numbers of the card are those of predictions.csv."""
    text = (trained / "model_card.md").read_text()
    rows, probabilities = _part(trained, "test")
    truth, scores = rows["label"].isin(["8", "9"]), probabilities["p_8"] + probabilities["p_9"]
    called = scores >= decided["screening"]["threshold"]
    for title, value in {
        "AUROC": roc_auc_score(truth, scores),
        "Sensitivity": recall_score(truth, called),
        "Specificity": recall_score(truth, called, pos_label=False),
    }.items():
        assert f"| {title} | {value:.3f} (" in text, title
    limits = [np.inf if v is None else v for v in decided["sets"]["thresholds"].values()]
    held = 1 - probabilities.to_numpy() <= np.array(limits) + 1e-12
    covered = held[np.arange(len(held)), rows["label"].astype(int)].mean()
    assert f"| all | {len(held)} | {covered:.3f} (" in text
    assert "Guaranteed for new groups like these" in text
    assert "images=DIR decision=RUN/decision.json output=predictions.csv" in text


def test_cards_follow_the_decision_of_their_own_weights(command, trained):
    """A card stays without a decision of other weights, and is not made where there was none."""
    card, run = trained / "model_card.md", RunFolder(trained)
    before = card.read_text()
    decided = decide(command, trained)
    assert "## Decisions" in card.read_text()
    run.decision.write_text(json.dumps({**decided, "epoch": decided["epoch"] + 1}))
    refresh_card(run)
    assert card.read_text() == before
    card.unlink()
    decide(command, trained)
    assert not card.exists()


def test_a_card_that_cannot_be_written_again_is_a_warning(command, trained):
    card = trained / "model_card.md"
    before = card.read_text()
    metrics = json.loads((trained / "metrics.json").read_text())
    metrics["test"]["accuracy"] = 0.987
    (trained / "metrics.json").write_text(json.dumps(metrics))
    finished = command("evaluate", f"ckpt={trained}", *QUESTION)
    assert finished.status == 0
    assert "model_card.md could not be written again" in finished.err
    assert card.read_text() == before
    assert (trained / "decision.json").exists()


def test_what_does_not_fit_the_thresholds_is_refused(command, trained, tmp_path, past_run):
    decided = decide(command, trained)
    given = f"images={IMAGES}", f"output={tmp_path / 'out.csv'}"
    file = trained / "decision.json"
    for word in ("tta=2", "calibrated=true"):
        finished = command("predict", f"ckpt={trained}", *given, f"decision={file}", word)
        assert finished.status == 1
        assert f"which {word} would change" in finished.err
    missing = command("predict", f"ckpt={trained}", *given, "decision=none.json")
    assert "decision=none.json is missing; write it with evaluate.py" in missing.err
    other = past_run("method=ce", "protocol.calibration_fraction=0.5", "lr=0.001", folder="other")
    finished = command("predict", f"ckpt={other}", *given, f"decision={file}")
    assert "has the thresholds of another model" in finished.err
    damaged = tmp_path / "decision.json"
    damaged.write_text(json.dumps({**decided, "weights": 1}))
    finished = command("predict", f"ckpt={trained}", *given, f"decision={damaged}")
    assert "is not a decision of a run (weights" in finished.err
    assert not (tmp_path / "out.csv").exists()


def test_questions_that_the_data_cannot_answer_are_refused(command, trained):
    for words, sentence in {
        "screening.positive_classes=[ten]": "has ten, which is not a class",
        "conformal.confidence_level=0.999": "a level of 0.999 needs 999; lower",
    }.items():
        finished = command("evaluate", f"ckpt={trained}", words)
        assert finished.status == 1
        assert sentence in finished.err
    assert not (trained / "decision.json").exists()
