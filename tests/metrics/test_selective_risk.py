"""Selective risk against loops over images and over all orders of images that tie."""

from itertools import permutations

import numpy as np
import pytest
from metric_oracles import drawn, slow_selective_risks

from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Samples
from aduni.metrics.selective_risk import area_under_selective_risk, selective_risk


def of(confidence, correct) -> Samples:
    """Return predictions of class 0 with these confidences, right or wrong."""
    first = np.array(confidence, dtype=float)
    rest = (1 - first) / 2
    labels = np.where(correct, 0, 1)
    return Samples.single(labels, np.stack([first, rest, rest], axis=1))


def test_risks_by_hand():
    # From the most certain on: right, wrong, right, wrong.
    samples = of([0.9, 0.8, 0.7, 0.6], [True, False, True, False])
    found = selective_risk(samples, np.array([0.25, 0.5, 0.75, 1.0]))
    assert found == pytest.approx(np.array([[0, 1 / 2, 1 / 3, 1 / 2]]))
    assert area_under_selective_risk(samples) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_between_two_images_a_part_of_the_next_one_is_kept():
    samples = of([0.9, 0.8], [True, False])
    assert selective_risk(samples, np.array([0.75])) == pytest.approx(0.5 / 1.5)


@pytest.mark.parametrize("seed", range(5))
def test_ties_count_as_the_mean_over_all_their_orders(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.choice([0.6, 0.8], size=6), rng.random(6) < 0.5
    curves = []
    for order in permutations(range(6)):
        values = confidence[list(order)]
        if (np.diff(values) <= 0).all():
            wrong = np.cumsum(~correct[list(order)])
            curves.append(wrong / np.arange(1, 7))
    expected, samples = np.mean(curves, axis=0), of(confidence, correct)
    assert selective_risk(samples, np.arange(1, 7) / 6)[0] == pytest.approx(expected)
    assert area_under_selective_risk(samples) == pytest.approx(expected.mean())


def test_each_sample_has_the_curve_of_its_images_written_out():
    samples = drawn(seed=4)
    for number, draw in enumerate(samples.draws):
        rows = np.repeat(np.arange(len(samples.labels)), draw[samples.members])
        given = samples.labels[rows], samples.predicted[rows], samples.probabilities[rows]
        shares = np.arange(1, len(rows) + 1) / len(rows)
        found = selective_risk(samples, shares)[number]
        assert found == pytest.approx(slow_selective_risks(*given))


def test_all_images_have_the_error_of_all_and_all_ties_the_same_everywhere():
    samples = of([0.5] * 5, [True, True, False, True, False])
    assert selective_risk(samples, np.array([0.2, 0.7, 1.0])) == pytest.approx(0.4)
    assert area_under_selective_risk(samples) == pytest.approx(0.4)
    assert OF_PREDICTIONS["aurc"].value(of([0.9, 0.6], [True, True])) == 0


def test_a_sample_without_images_has_no_risk():
    given = of([0.9, 0.6], [True, False])
    draws = np.array([[0, 0], [1, 1]], dtype=np.uint8)
    samples = Samples(given.labels, given.probabilities, given.members, draws)
    assert np.isnan(selective_risk(samples, np.array([0.5, 1.0]))[0]).all()
    assert np.isnan(area_under_selective_risk(samples)).tolist() == [True, False]
