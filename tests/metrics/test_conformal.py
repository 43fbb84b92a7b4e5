"""Prediction sets against loops, numbers by hand, and coverage in simulated studies."""

import math
from fractions import Fraction

import numpy as np
import pytest
from metric_oracles import group_weights

from aduni.metrics.conformal.prediction_sets import (
    calibrate_sets,
    group_quantile,
    least_groups,
)
from aduni.metrics.conformal.scores import aps, lac


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def images_of(rng, groups: int, most: int, shares):
    """Return labels, probabilities and groups: the images of a group resemble each other.

    As a model does, these probabilities favour the frequent classes.
    """
    sizes = rng.integers(1, most + 1, size=groups)
    members = np.repeat(np.arange(groups), sizes)
    labels = rng.choice(len(shares), size=groups, p=shares)[members]
    of_group = rng.normal(size=(groups, len(shares)))[members]
    noise = of_group + 0.5 * rng.normal(size=of_group.shape) + np.log(shares)
    return labels, softmax(1.5 * np.eye(len(shares))[labels] + noise), members


def test_scores_by_hand():
    probabilities = np.array([[0.5, 0.2, 0.3]])
    assert lac(probabilities) == pytest.approx(np.array([[0.5, 0.8, 0.7]]))
    assert aps(probabilities) == pytest.approx(np.array([[0.0, 0.8, 0.5]]))
    assert aps(np.array([[0.4, 0.2, 0.4]])) == pytest.approx(np.array([[0.0, 0.8, 0.0]]))


def test_scores_of_adaptive_sets_equal_a_loop_with_ties():
    probabilities = np.random.default_rng(5).integers(4, size=(200, 5)) / 8.0
    for row, found in zip(probabilities, aps(probabilities), strict=True):
        assert found.tolist() == [sum(p for p in row if p > own) for own in row]


def test_quantile_of_single_images_by_hand():
    # Of 9 images the 9th is at 9 / 10; of 19 the 18th at 18 / 20; 8 are too few for 0.9.
    assert group_quantile(np.arange(9.0), np.arange(9), 0.9) == 8
    assert group_quantile(np.arange(19.0), np.arange(19), 0.9) == 17
    assert group_quantile(np.arange(8.0), np.arange(8), 0.9) == math.inf
    assert group_quantile(np.empty(0), np.empty(0, dtype=int), 0.9) == math.inf


def test_quantile_of_groups_by_hand():
    # Three groups weigh 1/4 each, the one with two images 1/8 for each of them.
    scores, groups = np.array([0.1, 0.4, 0.2, 0.3]), np.array([7, 7, 3, 5])
    assert group_quantile(scores, groups, 0.5) == 0.3  # 1/8 + 1/4 + 1/4 at 0.3
    assert group_quantile(scores, groups, 0.7) == 0.4
    assert group_quantile(scores, groups, 0.8) == math.inf


@pytest.mark.parametrize(("level", "least"), [(0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1), (0.99, 99)])
def test_the_least_groups_are_those_that_give_a_finite_threshold(level, least):
    assert least_groups(level) == least
    for count, finite in ((least, True), (least - 1, False)):
        found = group_quantile(np.arange(float(count)), np.arange(count), level)
        assert math.isfinite(found) == finite


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8, 0.9])
def test_quantiles_equal_exact_sums_of_fractions(level):
    rng = np.random.default_rng(4)
    for _ in range(40):
        groups = rng.integers(6, size=14)
        scores = rng.integers(5, size=14) / 8.0  # with ties
        names = sorted(set(groups.tolist()))
        weight = {g: Fraction(1, (len(names) + 1) * int((groups == g).sum())) for g in names}
        expected = math.inf
        for score in sorted(set(scores.tolist()), reverse=True):
            below = sum(
                weight[g] for g, s in zip(groups.tolist(), scores, strict=True) if s <= score
            )
            expected = score if below >= Fraction(str(level)) else expected
        assert group_quantile(scores, groups, level) == expected


def test_a_class_of_too_few_groups_is_in_every_set():
    rng = np.random.default_rng(0)
    labels, probabilities, groups = images_of(rng, 200, 1, [0.6, 0.38, 0.02])
    assert (labels == 2).sum() < least_groups(0.9)
    found = calibrate_sets(labels, probabilities, groups, class_conditional=True)
    assert np.isinf(found.thresholds[2])
    assert np.isfinite(found.thresholds[:2]).all()
    assert found.sets(probabilities)[:, 2].all()


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_the_calibration_images_are_covered_at_the_level_at_least(score):
    labels, probabilities, groups = images_of(np.random.default_rng(1), 300, 4, [0.7, 0.2, 0.1])
    found = calibrate_sets(labels, probabilities, groups, score=score)
    covered = found.sets(probabilities)[np.arange(len(labels)), labels]
    assert (group_weights(groups) * covered).sum() >= 0.9


def coverage(rng, *, most: int, score: str, class_conditional: bool, groups: int = 400):
    """Return mean coverage of all classes and of each, over studies with new images each."""
    totals, weights = np.zeros(4), np.zeros(4)
    shares = [0.6, 0.25, 0.15]
    for _ in range(150):
        given = images_of(rng, groups, most, shares)
        found = calibrate_sets(*given, score=score, class_conditional=class_conditional)
        labels, probabilities, members = images_of(rng, 400, most, shares)
        covered = found.sets(probabilities)[np.arange(len(labels)), labels]
        weight = group_weights(members)
        for place, chosen in enumerate([labels >= 0, *(labels == c for c in range(3))]):
            totals[place] += (weight * covered)[chosen].sum()
            weights[place] += weight[chosen].sum()
    return totals / weights


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("most", [1, 6])
def test_new_patients_are_covered_at_the_level(score, most):
    """400 patients with 1 to 6 images that resemble each other; 60 of the rarest class."""
    rng = np.random.default_rng(2)
    found = coverage(rng, most=most, score=score, class_conditional=False)
    assert found[0] == pytest.approx(0.9, abs=0.01)
    found = coverage(rng, most=most, score=score, class_conditional=True)
    assert found.min() >= 0.895
    assert found[1:] == pytest.approx([0.9] * 3, abs=0.02)


def test_adaptive_sets_always_hold_the_most_probable_class():
    labels, probabilities, groups = images_of(np.random.default_rng(9), 300, 4, [0.7, 0.2, 0.1])
    for level in (0.1, 0.5, 0.9):
        found = calibrate_sets(labels, probabilities, groups, score="aps", confidence_level=level)
        sets = found.sets(probabilities)
        assert sets[np.arange(len(sets)), probabilities.argmax(axis=1)].all()


def test_marginal_sets_leave_the_rare_classes_below_the_level():
    """What class-conditional sets are for."""
    rng = np.random.default_rng(3)
    found = coverage(rng, most=1, score="lac", class_conditional=False)
    assert found[0] >= 0.895
    assert abs(found[1:] - 0.9).max() > 0.02
