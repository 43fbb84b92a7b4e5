"""Rules about files and borders: planted ones are found, and chance gives none."""

import numpy as np
import pandas as pd
import pytest

from aduni.auditing.shortcuts import MAX_P, rules

NAMES = ["healthy", "mild", "severe"]


def _random(seed, images=400):
    random = np.random.default_rng(seed)
    features = pd.DataFrame(random.normal(size=(images, 19)), columns=[f"x{i}" for i in range(19)])
    return random, features, random.choice(3, images, p=[0.7, 0.2, 0.1])


def test_a_planted_rule_is_found_and_counted():
    random, features, labels = _random(0, 600)
    # Another camera took 150 pictures: bytes near 9, nine in ten of them severe.
    camera = np.arange(600) < 150
    features["bytes"] = np.where(camera, 9, 2) + random.normal(0, 0.1, 600)
    labels[camera] = random.choice(3, 150, p=[0.05, 0.05, 0.9])
    (found,) = (
        each for each in rules(features, labels, np.arange(600), NAMES) if "bytes" in each.rule
    )

    assert (found.images, found.class_name) == (150, "severe")
    assert found.hits == (labels[camera] == 2).sum()
    assert found.share == pytest.approx((labels == 2).mean())
    low = float(found.rule.removeprefix("bytes above "))
    assert 2.5 < low < 8.5
    assert str(found) == (
        f"{found.hits} of 150 images with {found.rule} are severe ({found.share:.0%} of all "
        "images are)"
    )


def test_a_rule_of_several_conditions_says_them_all():
    _, features, labels = _random(1, 3000)
    chosen = (features["x3"] > 0.2) & (features["x5"] <= -0.3) & (features["x3"] <= 1.5)
    labels[chosen] = 1
    found = list(rules(features[["x3", "x5"]], labels, np.arange(3000), NAMES))

    assert [each.class_name for each in found] == ["mild"]
    parts = {part.split()[0] for part in found[0].rule.split(" and ")}
    assert parts == {"x3", "x5"}
    assert found[0].hits / found[0].images > 0.6


def test_chance_gives_a_rule_as_rarely_as_is_said():
    found = 0
    for seed in range(300):
        _, features, labels = _random(seed)
        found += bool(list(rules(features, labels, np.arange(400), NAMES)))
    # Of 300 trials at 1 in 1,000, three or more would come by chance in 4 of 1,000 cases.
    assert found / 300 <= MAX_P + 2 / 300


def test_copies_are_no_evidence():
    # 30 pictures of one lesion, each many times: what they share is one event.
    random, features, labels = _random(2, 900)
    groups = np.repeat(np.arange(30), 30)
    features["bytes"] = random.normal(size=30)[groups]
    labels = random.choice(3, 30, p=[0.7, 0.2, 0.1])[groups]
    assert list(rules(features, labels, groups, NAMES)) == []


def test_few_images_give_no_rule():
    _, features, labels = _random(3, 12)
    assert list(rules(features, labels, np.zeros(12, dtype=int), NAMES)) == []
