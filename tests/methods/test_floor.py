"""Floors: class frequencies by hand, planted features, and the choice on the validation part."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from aduni.methods.base import DataInfo
from aduni.methods.floor import Floor


def _floor(features="border", classes=3):
    counts = torch.ones(classes)
    return Floor(DataInfo(counts, counts[None], 1), features=features)


def test_class_frequencies_are_those_of_the_training_part():
    floor, nothing = _floor("none"), np.empty((10, 0))
    labels = np.array([0, 1, 1, 1, 1, 1, 2, 2, 2, 1])
    found = floor.fit((nothing, labels), (nothing[:4], np.array([0, 1, 2, 1])), seed=0)

    assert floor.probabilities(np.empty((2, 0))) == pytest.approx(np.array([[0.1, 0.6, 0.3]] * 2))
    # Class 1 is always predicted: precision 2/4, recall 1, F1 2/3, and 0 for the two others.
    assert found == {
        "learner": "class frequencies",
        "candidates": {"class frequencies": pytest.approx(2 / 9)},
    }


def test_a_planted_feature_is_learned_and_noise_is_not():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    planted = np.stack([labels + random.normal(0, 0.1, 600), random.normal(size=600)], axis=1)
    for features, low, high in ((planted, 0.99, 1), (planted[:, 1:], 0.2, 0.45)):
        floor = _floor()
        floor.fit((features[:300], labels[:300]), (features[300:450], labels[300:450]), seed=0)
        predicted = floor.probabilities(features[450:]).argmax(axis=1)
        assert low <= f1_score(labels[450:], predicted, average="macro") <= high


def test_the_candidate_of_the_highest_macro_f1_on_the_selecting_part_is_kept():
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], [300, 60, 30])
    features = labels[:, None] + random.normal(0, 1, (390, 2))
    rows = random.permutation(390)
    train, selecting = rows[:200], rows[200:]
    floor = _floor()
    found = floor.fit(
        (features[train], labels[train]), (features[selecting], labels[selecting]), seed=0
    )

    best = max(found["candidates"].values())
    assert found["candidates"][found["learner"]] == best
    assert len(set(found["candidates"].values())) > 6  # the candidates differ
    predicted = floor.probabilities(features[selecting]).argmax(axis=1)
    assert f1_score(labels[selecting], predicted, average="macro") == pytest.approx(best)


def test_a_seed_gives_the_same_trees_again():
    random = np.random.default_rng(2)
    features, labels = random.normal(size=(60, 4)), random.integers(0, 3, 60)
    runs = []
    for seed in (0, 0, 1):
        floor = _floor()
        found = floor.fit((features, labels), (features, labels), seed)
        runs.append((found["candidates"], floor.probabilities(features + 0.5).tolist()))
    assert runs[0] == runs[1] != runs[2]
