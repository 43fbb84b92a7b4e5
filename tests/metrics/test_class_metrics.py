"""Metrics of each class against scikit-learn, in samples that hold images several times or not."""

import warnings

import numpy as np
import pytest
from metric_oracles import CLASSES, IMAGES, SAMPLES, binned_gap, drawn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from aduni.metrics.names import OF_CLASSES
from aduni.metrics.recalibration import LEAST
from aduni.metrics.samples import Samples


def specificity(truth, predicted) -> float:
    return recall_score(~truth, ~predicted)


def logits(score):
    score = np.clip(score, LEAST, 1 - LEAST)
    return np.log(score / (1 - score))


def slope(truth, score) -> float:
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting penalty=None")  # scikit-learn 1.8, of C=inf
        return float(fitted.fit(logits(score)[:, None], truth).coef_[0, 0])


def intercept(truth, score) -> float:
    """Bisect the one parameter: the sum of errors falls as it rises."""
    low, high = -50.0, 50.0
    for _ in range(200):
        middle = (low + high) / 2
        errors = truth - 1 / (1 + np.exp(-(middle + logits(score))))
        low, high = (middle, high) if errors.sum() > 0 else (low, middle)
    return low


OF_DECISIONS = {
    "precision": precision_score,
    "recall": recall_score,
    "specificity": specificity,
    "f1": f1_score,
}
OF_SCORES = {
    "auroc": roc_auc_score,
    "average_precision": average_precision_score,
    "brier": brier_score_loss,
    "calibration_error": binned_gap,
    "calibration_slope": slope,
    "calibration_intercept": intercept,
}


def test_every_metric_has_an_oracle():
    assert {*OF_CLASSES} == {*OF_DECISIONS, *OF_SCORES}


@pytest.mark.parametrize("key", [*OF_DECISIONS, *OF_SCORES])
def test_each_sample_has_the_value_of_its_images_written_out(key):
    samples = drawn()
    found = OF_CLASSES[key].function(samples)
    assert found.shape == (SAMPLES, CLASSES)
    for i, draw in enumerate(samples.draws):
        rows = np.repeat(np.arange(IMAGES), draw[samples.members])
        for number in range(CLASSES):
            truth = samples.labels[rows] == number
            if key in OF_DECISIONS:
                expected = OF_DECISIONS[key](truth, samples.predicted[rows] == number)
            else:
                expected = OF_SCORES[key](truth, samples.probabilities[rows, number])
            assert found[i, number] == pytest.approx(expected, abs=1e-6 if "slope" in key else 1e-9)


@pytest.mark.parametrize("key", OF_CLASSES)
def test_a_class_without_images_has_no_value_that_needs_some(key):
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    found = OF_CLASSES[key].function(Samples.single(labels, probabilities))[0]
    assert np.isfinite(found[:2]).all()
    if key == "specificity":
        assert found[2] == 1
    elif key == "brier":
        assert found[2] == pytest.approx(0.01)
    elif key == "calibration_error":
        assert found[2] == pytest.approx(0.1)
    else:
        assert np.isnan(found[2])


@pytest.mark.parametrize("key", OF_CLASSES)
def test_one_class_alone_leaves_nothing_to_tell_it_from(key):
    found = OF_CLASSES[key].function(Samples.single(np.array([0, 0]), np.full((2, 2), 0.5)))[0]
    defined = {"precision", "recall", "f1", "average_precision", "brier", "calibration_error"}
    assert np.isfinite(found[0]) == (key in defined)


def test_probabilities_that_separate_a_class_have_no_slope():
    labels = np.array([0, 0, 0, 1, 1, 1])
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    samples = Samples.single(labels, np.stack([scores, 1 - scores], axis=1))
    assert np.isnan(OF_CLASSES["calibration_slope"].function(samples)).all()
    assert np.isfinite(OF_CLASSES["calibration_intercept"].function(samples)).all()


def test_temperatures_are_slopes():
    """Probabilities with twice the logits have half the slope, and the same ranking."""
    rng = np.random.default_rng(1)
    score = rng.uniform(0.02, 0.98, size=20_000)
    labels = (rng.uniform(size=20_000) > score).astype(np.int64)  # class 0 with the given chance
    sharp = 1 / (1 + np.exp(-2 * logits(score)))
    samples = Samples.single(labels, np.stack([sharp, 1 - sharp], axis=1))
    slopes = OF_CLASSES["calibration_slope"].function(samples)[0]
    assert slopes == pytest.approx([0.5, 0.5], abs=0.02)
