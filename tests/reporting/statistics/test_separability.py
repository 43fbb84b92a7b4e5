"""Separability against slow loops and hand numbers."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from aduni.reporting.statistics import separability as module
from aduni.reporting.statistics.separability import (
    elected_by_neighbours,
    normalised,
    separability,
    stratified_sample,
)


@pytest.fixture
def cloud() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 30, 12])
    centres = rng.normal(size=(3, 8))
    return labels, (centres[labels] + rng.normal(size=(102, 8))).astype(np.float16)


def test_rows_have_length_one_and_zeros_stay():
    unit = normalised(np.array([[3, 4], [0, 0], [-0.5, 0]], dtype=np.float16))
    assert unit.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [-1, 0]]


def _slow_election(labels, unit, k):
    elected = []
    for i in range(len(labels)):
        others = [j for j in range(len(labels)) if j != i]
        near = sorted(others, key=lambda j: -float(unit[i] @ unit[j]))[:k]
        votes: dict[int, tuple[int, float]] = {}
        for j in near:
            count, total = votes.get(labels[j], (0, 0.0))
            votes[labels[j]] = (count + 1, total + float(unit[i] @ unit[j]))
        elected.append(max(votes, key=votes.get))
    return elected


@pytest.mark.parametrize("k", [1, 4, 11])
def test_neighbours_elect_as_in_a_slow_loop(cloud, k, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 25)
    labels, features = cloud
    unit = normalised(features)
    assert elected_by_neighbours(labels, unit, k).tolist() == _slow_election(labels, unit, k)


def test_figures_by_hand():
    # Two pairs on the axes; the fifth point, of class 0, lies on class 1's axis.
    features = np.array([[1, 0], [2, 0], [0, 1], [0, 3], [0, 5]])
    labels = np.array([0, 0, 1, 1, 0])
    measured = separability(labels, features, np.arange(5))
    assert measured.neighbours == 1
    # Ties are in play for the last three: only the first two are certain.
    assert elected_by_neighbours(labels, normalised(features), 1)[:2].tolist() == [0, 0]
    # Cosine distances are 0 on an axis and 1 across. Points 0, 1: a = 1/2, b = 1: 1/2. Points 2,
    # 3: a = 0, b = 2/3: 1. Point 4: a = 1, b = 0: -1.
    assert measured.silhouette == pytest.approx((0.5 + 0.5 + 1 + 1 - 1) / 5)
    assert measured.macro_silhouette == pytest.approx(((0.5 + 0.5 - 1) / 3 + 1) / 2)


def test_accuracy_overall_and_by_class():
    # Class 0 holds together; of class 1's two images one lies among class 0.
    angles = np.deg2rad([0, 1, 2, 3, 2.6, 90])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    measured = separability(np.array([0, 0, 0, 0, 1, 1]), features, np.arange(6))
    # k = 1: 3 degrees is nearest to 2.6 (class 1), 2 degrees too; 90 degrees to 3.
    assert measured.neighbours == 1
    assert measured.knn_accuracy == pytest.approx(2 / 6)
    assert measured.macro_knn_accuracy == pytest.approx((2 / 4 + 0) / 2)


def test_silhouette_is_of_the_sample_and_neighbours_are_of_all(cloud):
    labels, features = cloud
    sample = np.arange(0, 102, 2)
    measured = separability(labels, features, sample)
    unit = normalised(features)
    expected = silhouette_score(unit[sample], labels[sample], metric="cosine")
    assert measured.silhouette == pytest.approx(expected)
    assert measured.neighbours == 11  # the rarest class has 12
    expected = np.mean(np.array(_slow_election(labels, unit, 11)) == labels)
    assert measured.knn_accuracy == pytest.approx(expected)


def test_a_single_class_has_no_silhouette():
    measured = separability(np.zeros(4, dtype=int), np.eye(4), np.arange(4))
    assert measured.silhouette is None
    assert measured.macro_silhouette is None
    assert measured.knn_accuracy == 1


def test_sample_keeps_shares_and_rare_classes():
    labels = np.repeat([0, 1, 2, 3], [800, 190, 12, 4])
    chosen = stratified_sample(labels, 134, seed=0)
    # 10 + 10 + 10 + 4 are kept; of the other 972 every class keeps 100/972.
    assert np.bincount(labels[chosen]).tolist() == [10 + 81, 10 + 18, 10, 4]
    assert len(np.unique(chosen)) == len(chosen)
    assert (np.diff(chosen) > 0).all()
    assert chosen.tolist() == stratified_sample(labels, 134, seed=0).tolist()
    assert chosen.tolist() != stratified_sample(labels, 134, seed=1).tolist()


def test_few_images_are_all_taken():
    assert stratified_sample(np.array([1, 0, 1]), 3, seed=0).tolist() == [0, 1, 2]


def test_a_sample_of_many_classes_keeps_its_limit():
    labels = np.repeat(np.arange(200), [19_000, *[10] * 199])
    chosen = stratified_sample(labels, 1500, seed=0)
    counts = np.bincount(labels[chosen])
    assert len(chosen) <= 1500
    assert counts.min() == 7  # 1500 // 200
    assert (counts[0] - 7) / (19_000 - 7) == pytest.approx(
        (1500 - 1400) / (20_990 - 1400), abs=0.001
    )
