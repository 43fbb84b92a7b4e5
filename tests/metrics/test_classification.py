"""Figures on cases small enough to work out by hand."""

import numpy as np
import pytest
from metric_oracles import slow_calibration_error

from aduni.metrics.classification.calibration_error import BINS, confidence_bins
from aduni.metrics.classification.calibration_error import expected_calibration_error as of_samples
from aduni.metrics.evaluation import evaluate
from aduni.metrics.names import METRICS
from aduni.metrics.samples import Samples

NAMES = ["a", "b", "c"]
LABELS = np.array([0, 0, 1, 2])
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.3, 0.2, 0.5]]
)  # predicted a b b c


def expected_calibration_error(labels, probabilities, bins=BINS) -> float:
    return float(of_samples(Samples.single(labels, probabilities), bins)[0])


def quadratic_kappa(labels, predicted, classes) -> float | None:
    samples = Samples.single(labels, np.eye(classes)[predicted])
    return METRICS["quadratic_kappa"].value(samples)


@pytest.fixture
def figures():
    return evaluate(LABELS, PROBABILITIES, NAMES, ordinal=True)


def test_averages_by_hand(figures):
    # a: precision 1, recall 1/2, F1 2/3; b: 1/2, 1, 2/3; c: 1, 1, 1.
    assert figures["accuracy"] == 3 / 4
    assert figures["per_class_f1"] == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1})
    assert figures["per_class_recall"] == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert figures["macro_f1"] == pytest.approx(7 / 9)
    assert figures["balanced_accuracy"] == pytest.approx(5 / 6)
    assert figures["support"] == {"a": 2, "b": 1, "c": 1}
    assert figures["confusion_matrix"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_macro_auroc_by_hand(figures):
    # a: pairs (.8 > .1, .8 > .3, .2 > .1, .2 < .3) 3/4; b: .9 above all 1; c: .5 above all 1.
    assert figures["macro_auroc"] == pytest.approx((3 / 4 + 1 + 1) / 3)


def test_quadratic_kappa_by_hand(figures):
    # Disagreements: one of distance 1 among 4. Expected: labels (1/2, 1/4, 1/4) against
    # predictions (1/4, 1/2, 1/4): sum p_i q_j (i - j)^2
    # = (1/4 + 1/2) + (1/16 + 1/16) + (1/4 + 1/8) = 5/4.
    assert figures["quadratic_kappa"] == pytest.approx(1 - (1 / 4) / (5 / 4))


def test_a_grade_that_nobody_has_keeps_its_neighbours_apart():
    # Grades 0, 1 and 3 of four. Disagreements: 1 taken for 3 and 3 for 1, of distance 4 among 4
    # images: 8/4. Expected, both sides being (1/4, 1/4, 0, 1/2):
    # 2 (1/4 1/4 1 + 1/4 1/2 9 + 1/4 1/2 4) = 27/8.
    labels, predicted = np.array([0, 1, 3, 3]), np.array([0, 3, 3, 1])
    assert quadratic_kappa(labels, predicted, 4) == pytest.approx(1 - 2 / (27 / 8))


def test_there_is_no_kappa_of_classes_without_an_order():
    assert evaluate(LABELS, PROBABILITIES, NAMES)["quadratic_kappa"] is None


def test_there_is_no_kappa_where_all_are_one_class():
    one = np.array([1, 1])
    figures = evaluate(one, np.array([[0.1, 0.8, 0.1]] * 2), NAMES, ordinal=True)
    assert figures["quadratic_kappa"] is None
    assert quadratic_kappa(one, np.array([1, 2]), 3) == 0


def test_calibration_error_by_hand(figures):
    # Gaps |correct - confidence|: .2, .7, .1, .5, each alone in its bin of width 1/15.
    assert figures["expected_calibration_error"] == pytest.approx((0.2 + 0.7 + 0.1 + 0.5) / 4)
    # In one bin they cancel before the absolute value: 3 correct of confidence .8 .7 .9 .5.
    one_bin = expected_calibration_error(LABELS, PROBABILITIES, bins=1)
    assert one_bin == pytest.approx(abs(3 - 2.9) / 4)


def test_a_class_that_is_neither_present_nor_predicted_counts_zero():
    two_of_three = evaluate(np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), NAMES)

    assert two_of_three["macro_f1"] == pytest.approx(2 / 3)
    assert two_of_three["macro_auroc"] is None
    assert two_of_three["support"]["c"] == 0


@pytest.mark.parametrize("bins", [1, 2, 3, 4, 5, 8, 10, 15, 20])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(bins):
    """(0, 1/bins], (1/bins, 2/bins], ...: the other edges would give another figure."""
    inside = (np.arange(bins) + 0.3) / bins
    confidence = np.concatenate([np.arange(bins + 1) / bins, inside, [0.0]])
    correct = np.arange(len(confidence)) % 3 == 0
    probabilities = np.stack([confidence, np.full(len(confidence), -1.0)], axis=1)
    labels = np.where(correct, 0, 1)

    expected = slow_calibration_error(correct, confidence, bins, right_edge=True)
    assert expected_calibration_error(labels, probabilities, bins) == pytest.approx(expected)
    other = slow_calibration_error(correct, confidence, bins, right_edge=False)
    assert bins == 1 or abs(expected - other) > 1e-3


def test_the_bins_of_calibration_error_are_numbered_from_their_right_edges():
    values = np.array([0.0, 1e-9, 0.25, 0.2500001, 0.5, 0.75, 0.7500001, 1.0])
    assert confidence_bins(values, 4).tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    assert confidence_bins(np.arange(1, 16) / 15).tolist() == list(range(15))
