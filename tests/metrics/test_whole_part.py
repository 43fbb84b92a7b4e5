"""Metrics of all classes against scikit-learn, in samples that hold images several times or not."""

import numpy as np
import pytest
from metric_oracles import (
    CLASSES,
    SAMPLES,
    binned_gap,
    drawn,
    slow_calibration_error,
    slow_selective_risks,
)
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    mean_absolute_error,
    roc_auc_score,
)

from aduni.metrics.evaluation import evaluate
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Samples


def macro(function):
    def mean(labels, predicted, probabilities) -> float:
        return np.mean([function(labels == c, probabilities[:, c]) for c in range(CLASSES)])

    return mean


ORACLES = {
    "accuracy": lambda y, f, p: accuracy_score(y, f),
    "macro_f1": lambda y, f, p: f1_score(y, f, average="macro", labels=range(CLASSES)),
    "balanced_accuracy": lambda y, f, p: balanced_accuracy_score(y, f),
    "macro_auroc": macro(roc_auc_score),
    "macro_average_precision": macro(average_precision_score),
    "classwise_calibration_error": macro(binned_gap),
    "expected_calibration_error": lambda y, f, p: slow_calibration_error(
        y == f, p.max(axis=1), 15, right_edge=True
    ),
    "brier": lambda y, f, p: brier_score_loss(y, p, labels=range(CLASSES), scale_by_half=False),
    "mcc": lambda y, f, p: matthews_corrcoef(y, f),
    "aurc": lambda y, f, p: np.mean(slow_selective_risks(y, f, p)),
    "quadratic_kappa": lambda y, f, p: cohen_kappa_score(y, f, weights="quadratic"),
    "linear_kappa": lambda y, f, p: cohen_kappa_score(y, f, weights="linear"),
    "mean_absolute_grade_error": lambda y, f, p: mean_absolute_error(y, f),
    "off_by_one_accuracy": lambda y, f, p: (
        sum(abs(a - b) < 2 for a, b in zip(y, f, strict=True)) / len(y)
    ),
}


def test_every_metric_has_an_oracle():
    assert {*OF_PREDICTIONS} == {*ORACLES}


@pytest.mark.parametrize("key", ORACLES)
def test_each_sample_has_the_value_of_its_images_written_out(key):
    samples = drawn(seed=3)
    found = OF_PREDICTIONS[key].function(samples)
    assert found.shape == (SAMPLES,)
    for value, draw in zip(found, samples.draws, strict=True):
        rows = np.repeat(np.arange(len(samples.labels)), draw[samples.members])
        given = samples.labels[rows], samples.predicted[rows], samples.probabilities[rows]
        assert value == pytest.approx(ORACLES[key](*given), abs=1e-9)


def test_correlation_is_undefined_where_all_predictions_are_one_class():
    labels, one = np.array([0, 1, 2]), np.array([[0.8, 0.1, 0.1]] * 3)
    assert OF_PREDICTIONS["mcc"].value(Samples.single(labels, one)) is None


@pytest.mark.parametrize("key", [key for key, m in OF_PREDICTIONS.items() if m.ordinal])
def test_grades_of_classes_without_an_order_have_no_value(key):
    labels, probabilities = np.array([0, 1]), np.eye(2)
    assert evaluate(labels, probabilities, ["a", "b"])[key] is None
    assert evaluate(labels, probabilities, ["a", "b"], ordinal=True)[key] is not None


@pytest.mark.parametrize(
    ("labels", "probabilities", "names", "words"),
    [
        ([0, 1], [[0.5, 0.5]], ["a", "b"], "do not agree"),
        ([0, 1], [[0.5, 0.5], [0.1, 0.9]], ["a"], "do not agree"),
        ([0, 2], [[0.5, 0.5], [0.1, 0.9]], ["a", "b"], "class numbers from 0 to 1"),
        (["a", "b"], [[0.5, 0.5], [0.1, 0.9]], ["a", "b"], "class numbers"),
        ([0, 1], [[2.0, -1.0], [0.1, 0.9]], ["a", "b"], "softmax"),
    ],
)
def test_what_is_no_outcome_is_refused(labels, probabilities, names, words, refusal):
    refusal(lambda: evaluate(np.array(labels), np.array(probabilities), names), words)


@pytest.mark.parametrize("metric", OF_PREDICTIONS.values(), ids=lambda metric: metric.key)
def test_groups_without_an_image_change_nothing(metric):
    """A seed that lacks folds has no image of some groups, which the draws of the others hold."""
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40)
    members = np.repeat(np.arange(20), 2)
    draws = rng.integers(0, 3, (6, 20)).astype(np.uint8)
    alone = Samples(labels, probabilities, members, draws)
    more = np.concatenate([draws, rng.integers(0, 3, (6, 5)).astype(np.uint8)], axis=1)
    with_empty = Samples(labels, probabilities, members, more)
    np.testing.assert_allclose(metric.function(with_empty), metric.function(alone), rtol=1e-12)
