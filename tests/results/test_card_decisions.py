"""Decisions in a card: numbers of scikit-learn and of loops, names that are no markup."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from aduni.metrics import samples
from aduni.results.decision.decision_json import (
    Decision,
    ScreeningDecision,
    SetDecision,
    read_decision,
    write_decision,
)
from aduni.results.model_card.card import card
from aduni.results.model_card.decisions import MAX_RESAMPLES

CLASSES = ("common", "less", "rare")
THRESHOLD = 0.35
LIMITS = {"common": 0.4, "less": 0.6, "rare": None}


def _decision(names=CLASSES, *, question="referable", screening=(), sets=()) -> Decision:
    limits = dict(zip(names, LIMITS.values(), strict=True))
    asked = {"name": question, "positive_classes": names[1:], "threshold": THRESHOLD}
    asked |= {"chosen_for": "sensitivity 0.95", "part": "validation"}
    held = {"confidence_level": 0.9, "score": "lac", "class_conditional": True}
    held |= {"thresholds": limits, "part": "calibration", "guaranteed": True}
    return Decision(
        split_hash="abc",
        epoch=3,
        weights="def",
        class_names=names,
        screening=ScreeningDecision(**{**asked, **dict(screening)}),
        sets=SetDecision(**{**held, **dict(sets)}),
    )


def _rows(text: str) -> dict[str, list[str]]:
    """Return the rows of the section's tables by their first cells."""
    section = text.partition("\n## Decisions\n")[2].partition("\n## ")[0]
    rows = (line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|"))
    return {row[0]: row[1:] for row in rows}


def _number(cell: str) -> list[float]:
    return [float(each) for each in re.findall(r"\d\.\d{3}", cell)]


@pytest.fixture
def answers(part):
    """(truth, scores, called) of the question."""
    labels, probabilities, _ = part
    scores = probabilities[:, 1:].sum(axis=1)
    return labels > 0, scores, scores >= THRESHOLD


def test_the_threshold_is_tested_as_scikit_learn_does(make_content, answers):
    truth, scores, called = answers
    rows = _rows(card(make_content(decision=_decision())))
    expected = {
        "AUROC": roc_auc_score(truth, scores),
        "Sensitivity": recall_score(truth, called),
        "Specificity": recall_score(truth, called, pos_label=False),
        "Positive predictive value": precision_score(truth, called),
        "Negative predictive value": precision_score(truth, called, pos_label=False),
    }
    for title, value in expected.items():
        assert _number(rows[title][0])[0] == pytest.approx(value, abs=6e-4), title


def test_predictive_values_are_for_the_stated_prevalence(make_content, answers):
    truth, _, called = answers
    text = card(make_content(decision=_decision(screening={"prevalence": 0.05})))
    found, left = recall_score(truth, called), recall_score(truth, called, pos_label=False)
    expected = 0.05 * found / (0.05 * found + 0.95 * (1 - left))
    value = _number(_rows(text)["Positive predictive value"][0])[0]
    assert value == pytest.approx(expected, abs=6e-4)
    assert "predictive values are for: 5 %, as stated" in text
    assert "of which 24 (40.0 %) are positive" in text


def test_intervals_are_of_resampled_groups(make_content, part, answers):
    groups, (truth, _, called) = part[2], answers
    drawn = []
    for counts in samples.group_draws(40)[:MAX_RESAMPLES]:
        rows = np.repeat(np.arange(60), counts[groups])
        drawn.append(recall_score(truth[rows], called[rows]))
    cell = _rows(card(make_content(decision=_decision())))["Sensitivity"][0]
    assert _number(cell)[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=6e-4)


def test_coverage_and_size_are_means_over_groups(make_content, part):
    labels, probabilities, groups = part
    limits = np.array([np.inf if v is None else v for v in LIMITS.values()])
    sets = 1 - probabilities <= limits + 1e-12
    frame = pd.DataFrame({"group": groups, "label": labels, "size": sets.sum(axis=1)})
    frame["covered"] = sets[np.arange(60), labels]
    rows = _rows(card(make_content(decision=_decision())))
    chosen = {"all": frame} | {n: frame[frame["label"] == i] for i, n in enumerate(CLASSES)}
    for name, part_rows in chosen.items():
        means = part_rows.groupby("group")[["covered", "size"]].mean().mean()
        images, covered, size = rows[name]
        assert int(images) == len(part_rows)
        assert _number(covered)[0] == pytest.approx(means["covered"], abs=6e-4), name
        assert _number(size)[0] == pytest.approx(means["size"], abs=6e-4), name
    assert _number(rows["rare"][1])[0] == 1  # a class that every set holds


def test_what_a_decision_rests_on_is_said(make_content):
    text = card(make_content(decision=_decision()))
    assert "- Positive classes: less, rare\n- Threshold: 0.35;" in text
    assert "- Chosen for: sensitivity 0.95, on the validation part\n" in text
    assert "- Level: 0.9," in text
    assert "Kept: within each class (class-conditional); score lac" in text
    assert "Guaranteed for new groups like these: the calibration part had no other use" in text
    assert "In every set, for lack of images to calibrate: rare" in text
    sets = {"part": "validation", "guaranteed": False, "class_conditional": False}
    text = card(make_content(decision=_decision(screening={"threshold": None}, sets=sets)))
    assert "**No guarantee**: calibrated on the validation part" in text
    assert "Kept: over all images" in text
    assert "Threshold: none, so that no image is called positive" in text
    assert _rows(text)["Sensitivity"] == ["0.000 (0.000 to 0.000)"]
    assert _rows(text)["Positive predictive value"] == ["-"]


def test_a_part_of_a_decision_and_none_are_left_out(make_content):
    decision = _decision()
    text = card(make_content(decision=decision.model_copy(update={"sets": None})))
    assert "### Question: referable" in text
    assert "### Prediction sets" not in text
    text = card(make_content(decision=decision.model_copy(update={"screening": None})))
    assert "### Question" not in text
    assert "### Prediction sets" in text
    assert "Decisions" not in card(make_content())


def test_hostile_names_break_no_table_of_decisions(make_content):
    hostile = ("a|b\n<script>", "# head", "[x](javascript:1)")
    decision = _decision(hostile, question="**q**|\n## Own")
    text = card(make_content(hostile, decision=decision))
    plain = card(make_content(decision=_decision()))
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()]
    assert bars == [line.count("|") for line in plain.splitlines()]
    assert "<script>" not in text
    assert "\n## Own" not in text


COSTS = {
    "common": {"common": 0.0, "less": 1.0, "rare": 2.0},
    "less": {"common": 4.0, "less": 0.0, "rare": 1.0},
    "rare": {"common": 20.0, "less": 5.0, "rare": 0.0},
}


def test_costs_are_those_of_a_loop(make_content, part):
    labels, probabilities, _ = part
    decision = _decision().model_copy(update={"costs": COSTS})
    matrix = [[COSTS[true][name] for name in CLASSES] for true in CLASSES]
    cheapest = [
        min(range(3), key=lambda k: sum(p[c] * matrix[c][k] for c in range(3)))
        for p in probabilities
    ]
    rows = _rows(card(make_content(decision=decision)))
    for name, decided in {
        "least expected cost": cheapest,
        "most probable class": probabilities.argmax(axis=1),
    }.items():
        expected = np.mean([matrix[true][k] for true, k in zip(labels, decided, strict=True)])
        assert _number(rows[name][0])[0] == pytest.approx(expected, abs=6e-4), name
    table = decision.columns(probabilities)
    assert table["least_cost"].tolist() == [CLASSES[k] for k in cheapest]


def test_net_benefits_are_those_of_a_loop(make_content, answers):
    """True positives a person, less the false alarms, of which 1 / t - 1 are worth one."""
    truth, scores, _ = answers
    rows = _rows(card(make_content(decision=_decision())))
    for chance in (0.05, 0.5):
        called = scores >= chance
        found, alarms = np.mean(called & truth), np.mean(called & ~truth)
        everybody = truth.mean() - (~truth).mean() * chance / (1 - chance)
        expected = (found - alarms * chance / (1 - chance), everybody)
        for cell, value in zip(rows[f"{100 * chance:g} %"], expected, strict=True):
            shown = float(re.match(r"-?\d+\.\d+", cell)[0])
            assert shown == pytest.approx(value, abs=6e-4)


def test_levels_of_the_roc_curve_are_the_stated_ones(make_content, answers):
    truth, scores, _ = answers
    text = card(make_content(decision=_decision(screening={"specificity": 0.8})))
    allowed = [t for t in scores if np.mean(scores[~truth] < t) >= 0.8]
    expected = max(np.mean(scores[truth] >= t) for t in allowed)
    found = _rows(text)["Sensitivity at the stated specificity: 0.8"]
    assert _number(found[0])[0] == pytest.approx(expected, abs=6e-4)


def test_answers_to_other_questions_of_the_same_model_stay(tmp_path):
    file = tmp_path / "decision.json"
    both = _decision()
    write_decision(both.model_copy(update={"sets": None}), file)
    write_decision(both.model_copy(update={"screening": None}), file)
    assert read_decision(file) == both
    other = both.model_copy(update={"weights": "others", "sets": None})
    write_decision(other, file)
    assert read_decision(file) == other
    file.write_text("damaged")
    write_decision(both, file)
    assert read_decision(file) == both
