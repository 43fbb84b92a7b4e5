"""Metrics of a screening question against scikit-learn, loops and numbers worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from aduni.metrics.expected_cost import cheapest_decisions, expected_cost
from aduni.metrics.names import OF_SCREENING
from aduni.metrics.samples import Samples
from aduni.metrics.screening.decision_curve import at_prevalence, decision_curve
from aduni.metrics.screening.levels import Levels
from aduni.metrics.screening.outcome import Outcome
from aduni.metrics.screening.thresholds import threshold_for_sensitivity, threshold_for_specificity

LEVELS = Levels(sensitivity=0.9, specificity=0.8)
THRESHOLD = 0.45


def drawn(levels: Levels = LEVELS, images: int = 80, samples: int = 12) -> Outcome:
    rng = np.random.default_rng(5)
    truth = rng.uniform(size=images) < 0.3
    scores = np.clip(rng.normal(0.35 + 0.2 * truth, 0.2), 0, 1).round(2)  # with ties
    members = np.r_[np.arange(25), rng.integers(25, size=images - 25)]
    draws = np.stack([np.ones(25), *rng.multinomial(25, np.full(25, 0.04), size=samples - 1)])
    table = np.stack([1 - scores, scores], axis=1)
    given = Samples(truth.astype(np.int64), table, members, draws.astype(np.uint8))
    return Outcome(given, scores >= THRESHOLD, levels)


def written_out(outcome: Outcome):
    """Yield truth, scores and calls of each sample, image by image."""
    given = outcome.samples
    for draw in given.draws:
        rows = np.repeat(np.arange(len(given.labels)), draw[given.members])
        yield given.labels[rows] == 1, given.probabilities[rows, 1], outcome.called[rows]


def best_on_curve(truth, scores, level, *, of_specificity: bool) -> float:
    curve = zip(*roc_curve(truth, scores, drop_intermediate=False)[:2], strict=True)
    points = [
        (1 - alarms, found) if of_specificity else (found, 1 - alarms) for alarms, found in curve
    ]
    return max(other for asked, other in points if asked >= level - 1e-9)


ORACLES = {
    "auroc": lambda truth, scores, called: roc_auc_score(truth, scores),
    "average_precision": lambda truth, scores, called: average_precision_score(truth, scores),
    "sensitivity": lambda truth, scores, called: recall_score(truth, called),
    "specificity": lambda truth, scores, called: recall_score(~truth, ~called),
    "ppv": lambda truth, scores, called: precision_score(truth, called),
    "npv": lambda truth, scores, called: precision_score(~truth, ~called),
    "sensitivity_at_specificity": lambda truth, scores, called: best_on_curve(
        truth, scores, LEVELS.specificity, of_specificity=True
    ),
    "specificity_at_sensitivity": lambda truth, scores, called: best_on_curve(
        truth, scores, LEVELS.sensitivity, of_specificity=False
    ),
}


def test_every_metric_has_an_oracle():
    assert {*OF_SCREENING} == {*ORACLES}


@pytest.mark.parametrize("key", ORACLES)
def test_each_sample_has_the_value_of_its_images_written_out(key):
    outcome = drawn()
    found = OF_SCREENING[key].function(outcome)
    expected = [ORACLES[key](*images) for images in written_out(outcome)]
    assert found == pytest.approx(expected, abs=1e-12)


def test_predictive_values_at_another_prevalence_are_those_of_images_in_that_proportion():
    """Each positive image counts so often that they are 5 % of all."""
    outcome = drawn(Levels(prevalence=0.05))
    for key, positive in (("ppv", True), ("npv", False)):
        found = OF_SCREENING[key].function(outcome)
        for value, (truth, _, called) in zip(found, written_out(outcome), strict=True):
            weights = np.where(truth, 0.05 / truth.mean(), 0.95 / (~truth).mean())
            chosen = called == positive
            right = weights[chosen & (truth == positive)].sum()
            assert value == pytest.approx(right / weights[chosen].sum())


@pytest.mark.parametrize("prevalence", [0.0, 1.0])
def test_prevalence_zero_and_one_leave_one_answer(prevalence):
    outcome = drawn(Levels(prevalence=prevalence))
    assert OF_SCREENING["ppv"].function(outcome) == pytest.approx(prevalence)
    assert OF_SCREENING["npv"].function(outcome) == pytest.approx(1 - prevalence)


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_one_kind_of_images_leaves_most_metrics_undefined(truth):
    outcome = Outcome.of(np.array(truth), np.array([0.2, 0.8]), np.array([False, True]), LEVELS)
    found = {key: metric.function(outcome)[0] for key, metric in OF_SCREENING.items()}
    defined = {key for key, value in found.items() if not math.isnan(value)}
    kept = {"sensitivity", "average_precision"} if truth[0] else {"specificity"}
    assert defined == {*kept, "ppv", "npv"}


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_at_a_stated_prevalence_predictive_values_need_both_kinds_of_images(truth):
    levels = Levels(prevalence=0.05)
    outcome = Outcome.of(np.array(truth), np.array([0.2, 0.8]), np.array([False, True]), levels)
    assert all(math.isnan(OF_SCREENING[key].function(outcome)[0]) for key in ("ppv", "npv"))


def test_nobody_called_positive_has_no_predictive_value():
    outcome = Outcome.of(np.array([True, False]), np.array([0.2, 0.1]), np.zeros(2, bool), LEVELS)
    assert np.isnan(OF_SCREENING["ppv"].function(outcome))
    assert OF_SCREENING["npv"].function(outcome) == 0.5


def test_thresholds_by_hand():
    truth = np.array([True] * 20 + [False] * 20)
    scores = np.r_[np.arange(20) / 20 + 0.01, np.arange(20) / 20]
    # 19 of 20 are 95 %: the second lowest positive score; of the negative ones all but the highest.
    assert threshold_for_sensitivity(truth, scores, 0.95) == pytest.approx(0.06)
    assert threshold_for_sensitivity(truth, scores, 1.0) == pytest.approx(0.01)
    assert threshold_for_specificity(truth, scores, 0.95) == pytest.approx(0.91)
    assert threshold_for_specificity(truth, scores, 1.0) == pytest.approx(0.96)


@pytest.mark.parametrize("level", [0.01, 0.5, 0.8, 0.95, 0.99, 1.0])
def test_thresholds_are_the_best_that_keep_the_level(level):
    for truth, scores, _ in written_out(drawn()):
        tried = [*np.unique(scores), math.inf]
        enough = [t for t in tried if (scores[truth] >= t).mean() >= level - 1e-9]
        assert threshold_for_sensitivity(truth, scores, level) == max(enough)
        enough = [t for t in tried if (scores[~truth] < t).mean() >= level - 1e-9]
        assert threshold_for_specificity(truth, scores, level) == min(enough)


def test_nothing_may_be_positive_if_the_highest_score_is_negative():
    truth, scores = np.array([True, False]), np.array([0.4, 0.9])
    assert threshold_for_specificity(truth, scores, 1.0) == math.inf


@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_net_benefit_is_counted_image_by_image(prevalence):
    outcome, chances = drawn(Levels(prevalence=prevalence)), np.array([0.05, 0.3, 0.62])
    of_score, of_all = decision_curve(outcome, chances)
    given = outcome.samples.labels.mean()
    for row, (truth, scores, _) in enumerate(written_out(outcome)):
        if prevalence is not None:
            odds = scores / (1 - scores) * prevalence / (1 - prevalence) / (given / (1 - given))
            scores = odds / (1 + odds)
        share = truth.mean() if prevalence is None else prevalence
        weights = np.where(truth, share / truth.mean(), (1 - share) / (~truth).mean()) / len(truth)
        for column, chance in enumerate(chances):
            worth = np.where(truth, 1.0, -chance / (1 - chance)) * weights
            assert of_score[row, column] == pytest.approx(worth[scores >= chance].sum())
            assert of_all[row, column] == pytest.approx(worth.sum())


def test_net_benefit_by_hand():
    # 10 images, 2 positive. At 1/5 a false alarm costs 1/4: one found, two alarms: (1 - 2/4) / 10.
    truth = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    scores = np.array([0.5, 0.1, 0.3, 0.2, *[0.0] * 6])
    outcome = Outcome.of(truth, scores, scores > 1, Levels())
    of_score, of_all = decision_curve(outcome, np.array([0.2]))
    assert of_score[0, 0] == pytest.approx(0.05)
    assert of_all[0, 0] == pytest.approx((2 - 8 / 4) / 10)


def test_a_stated_prevalence_shifts_the_scores_by_its_odds():
    # From 1/2 to 1/5 the odds are divided by 4: 4/5 has the odds 4, then 1, which is 1/2.
    assert at_prevalence(np.array([0.0, 0.8, 1.0]), 0.5, 0.2) == pytest.approx([0.0, 0.5, 1.0])
    assert at_prevalence(np.array([0.3]), 0.5, 0.0) == pytest.approx([0.0])
    assert at_prevalence(np.array([0.3]), 0.5, 1.0) == pytest.approx([1.0])


def test_calibrated_scores_are_best_of_all_at_any_prevalence():
    """Chances of two values that are right where half are positive: (1/5, 4/5).

    Where 1/5 are positive these are (1/17, 1/2): below 1/2 acting on the higher score is worth
    0.2 * 0.8 - 0.8 * 0.2 t / (1 - t), and above 1/2 nobody is to be acted on.
    """
    truth = np.repeat([True, False], 5)
    scores = np.array([0.8] * 4 + [0.2] + [0.2] * 4 + [0.8])
    outcome = Outcome.of(truth, scores, scores > 1, Levels(prevalence=0.2))
    chances = np.array([0.1, 0.4, 0.51])
    expected = [0.16 - 0.16 / 9, 0.16 - 0.16 * 2 / 3, 0.0]
    assert decision_curve(outcome, chances)[0][0] == pytest.approx(expected)


def test_the_prevalence_of_the_images_changes_no_net_benefit():
    outcome, chances = drawn(Levels()), np.arange(1, 100) / 100
    stated = replace(outcome, levels=Levels(prevalence=float(outcome.samples.labels.mean())))
    one, two = (decision_curve(each, chances) for each in (outcome, stated))
    assert one[0][0] == pytest.approx(two[0][0])
    assert one[1][0] == pytest.approx(two[1][0])


def test_the_cheapest_decision_by_hand():
    # To miss class 1 costs 9, a false alarm 1: from a chance of 1/10 upwards it is decided for.
    costs = np.array([[0.0, 1.0], [9.0, 0.0]])
    probabilities = np.array([[0.95, 0.05], [0.85, 0.15], [0.85, 0.15], [0.2, 0.8]])
    decisions = cheapest_decisions(probabilities, costs)
    assert decisions.tolist() == [0, 1, 1, 1]
    samples = Samples.single(np.array([1, 0, 1, 1]), probabilities)
    assert expected_cost(samples, decisions, costs)[0] == (9 + 1 + 0 + 0) / 4
