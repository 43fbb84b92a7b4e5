"""Cut points of grades, predictions of groups, rarity, label errors: loops and numbers by hand."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from aduni.metrics.grade_cuts import expected_grades, fit_cuts, grades_by_cuts, kappa_of_grades
from aduni.metrics.group_level import group_labels, group_probabilities
from aduni.metrics.label_errors import (
    class_thresholds,
    confident_classes,
    match_frequencies,
    rank_label_errors,
)
from aduni.metrics.rarity import means_by_rarity, rarity_masks


def test_expected_grade_and_cuts_by_hand():
    expected = expected_grades(np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8], [1.0, 0.0, 0.0]]))
    assert expected == pytest.approx([0.5, 1.8, 0])
    assert grades_by_cuts(expected, np.array([0.5, 1.5])).tolist() == [1, 2, 0]


def test_kappa_of_grades_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, grades = rng.integers(4, size=(2, 50))
    expected = cohen_kappa_score(labels, grades, weights="quadratic", labels=range(4))
    assert kappa_of_grades(labels, grades, 4) == pytest.approx(expected)
    assert kappa_of_grades(np.array([1, 1]), np.array([1, 1]), 4) == -1


def test_cut_points_are_as_good_as_any():
    """Against all pairs of cut points on a grid; expected grades that are too low by a half."""
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=120)
    expected = labels * 0.6 + rng.normal(scale=0.25, size=120)
    grid = np.quantile(expected, np.linspace(0, 1, 50))
    best = max(
        kappa_of_grades(labels, grades_by_cuts(expected, np.array(pair)), 3)
        for pair in combinations_with_replacement(grid, 2)
    )
    found = kappa_of_grades(labels, grades_by_cuts(expected, fit_cuts(labels, expected, 3)), 3)
    assert found == pytest.approx(best, abs=0.005)
    assert found > kappa_of_grades(labels, grades_by_cuts(expected, np.array([0.5, 1.5])), 3) + 0.1


def test_cut_points_of_grades_that_are_right_stay_halfway():
    labels = np.array([0, 1, 2, 2, 1, 0])
    assert fit_cuts(labels, labels.astype(float), 3).tolist() == [0.5, 1.5]


def test_groups_by_hand():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    groups = np.array([8, 3, 8])
    names, mean = group_probabilities(probabilities, groups, "mean")
    assert names.tolist() == [3, 8]
    assert mean == pytest.approx(np.array([[0.9, 0.1], [0.4, 0.6]]))
    highest = group_probabilities(probabilities, groups, "max")[1]
    assert highest[1] == pytest.approx([0.6 / 1.4, 0.8 / 1.4])
    noisy = group_probabilities(probabilities, groups, "noisy_or")[1]
    assert noisy[1] == pytest.approx([0.68 / 1.56, 0.88 / 1.56])  # 1 - .4 .8 and 1 - .6 .2
    assert noisy[0] == pytest.approx([0.9, 0.1])


def test_a_group_of_several_classes_has_none_and_of_several_grades_the_worst():
    labels, groups = np.array([0, 2, 1, 1]), np.array([5, 5, 4, 4])
    assert group_labels(labels, groups, ordinal=False).tolist() == [1, -1]
    assert group_labels(labels, groups, ordinal=True).tolist() == [1, 2]


def test_rarity_at_its_edges():
    masks = rarity_masks([101, 100, 20, 19, 0])
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "many": [True, False, False, False, False],
        "medium": [False, True, True, False, False],
        "few": [False, False, False, True, True],
    }
    assert {*rarity_masks([500, 300])} == {"many"}
    means = means_by_rarity(np.array([[0.9, 0.5, 0.1]]), [500, 300, 5])
    assert means["many"] == pytest.approx([0.7])
    assert means["few"] == pytest.approx([0.1])


def noisy_labels(rng, images: int = 3_000, share: float = 0.05):
    truth = rng.choice(3, size=images, p=[0.6, 0.3, 0.1])
    logits = rng.normal(size=(images, 3)) + 3 * np.eye(3)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.choice(images, size=int(share * images), replace=False)
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + rng.integers(1, 3, size=len(wrong))) % 3
    return labels, probabilities, wrong


def test_confident_classes_are_found_image_by_image():
    labels, probabilities, _ = noisy_labels(np.random.default_rng(2), images=200)
    thresholds = [probabilities[labels == c, c].mean() for c in range(3)]
    assert class_thresholds(labels, probabilities) == pytest.approx(thresholds)
    for row, confident in enumerate(confident_classes(labels, probabilities)):
        reached = [c for c in range(3) if probabilities[row, c] >= thresholds[c]]
        assert confident == (max(reached, key=lambda c: probabilities[row, c]) if reached else -1)


def test_label_errors_that_were_planted_come_first():
    labels, probabilities, wrong = noisy_labels(np.random.default_rng(3))
    rows, _ = rank_label_errors(labels, probabilities)
    assert np.isin(rows[:100], wrong).mean() >= 0.9
    shuffled = np.random.default_rng(4).permutation(len(labels))
    assert np.isin(shuffled[:100], wrong).mean() < 0.15


def test_a_class_without_images_is_nobodys_confident_class():
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.1, 0.2, 0.7]] * 3)
    assert (confident_classes(labels, probabilities) != 2).all()
    rows, classes = rank_label_errors(np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    assert not len(rows)
    assert not len(classes)


def test_matched_probabilities_have_the_frequencies_of_the_labels():
    labels, probabilities, _ = noisy_labels(np.random.default_rng(5), images=400)
    matched = match_frequencies(labels, probabilities)
    assert matched.sum(axis=1) == pytest.approx(np.ones(400))
    assert matched.sum(axis=0) == pytest.approx(np.bincount(labels), rel=1e-4)
    weights = matched / probabilities  # of one image: those of the classes, up to a factor
    weights /= weights[:, :1]
    assert weights == pytest.approx(np.repeat(weights[:1], 400, axis=0))
    assert match_frequencies(labels, matched) == pytest.approx(matched, abs=1e-4)


def test_a_prior_that_a_loss_took_out_is_put_back():
    """What is matched does not depend on the class weights of what is given."""
    labels, probabilities, _ = noisy_labels(np.random.default_rng(6), images=400)
    balanced = probabilities * np.array([1.0, 5.0, 40.0])
    balanced /= balanced.sum(axis=1, keepdims=True)
    expected = match_frequencies(labels, probabilities)
    assert match_frequencies(labels, balanced) == pytest.approx(expected, abs=1e-4)
    no_images = match_frequencies(np.array([0, 0]), np.array([[0.9, 0.1], [0.0, 1.0]]))
    assert np.isfinite(no_images).all()


def test_a_class_less_probable_than_the_label_is_not_suggested():
    """Its low threshold is reached, but the label is likelier still."""
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.95, 0.05], [0.6, 0.4], [0.7, 0.3], [0.65, 0.35]])
    assert confident_classes(labels, probabilities).tolist() == [0, 1, -1, 1]
    assert rank_label_errors(labels, probabilities)[0].tolist() == []


def test_likely_errors_are_ordered_by_the_ratio_of_label_and_suggestion():
    rng = np.random.default_rng(7)
    labels, probabilities, _ = noisy_labels(rng, images=500)
    rows, classes = rank_label_errors(labels, probabilities)
    ratios = [
        probabilities[row, labels[row]] / probabilities[row, other]
        for row, other in zip(rows, classes, strict=True)
    ]
    assert len(ratios) > 10
    assert ratios == sorted(ratios)
    assert max(ratios) < 1
