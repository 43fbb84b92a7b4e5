"""Intervals over folds against scipy, hand-worked numbers and a simulation of their coverage."""

import numpy as np
import pytest
from scipy import stats

from aduni.metrics.fold_intervals import MARGIN, interval_over_folds, verdict


def test_it_is_the_t_interval_of_a_mean():
    values = [0.02, -0.01, 0.04, 0.03, 0.0]
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert interval_over_folds(values) == pytest.approx(expected, abs=1e-12)


def test_the_correction_widens_it():
    # Variance 2.5e-4; (1/5 + 1/4) 2.5e-4 = 1.125e-4; t of 4 degrees of freedom: 2.776445.
    low, high = interval_over_folds([0.01, 0.02, 0.03, 0.04, 0.05], 0.25)
    assert low == pytest.approx(0.03 - 2.776445 * 0.0106066, abs=1e-6)
    assert high == pytest.approx(0.03 + 2.776445 * 0.0106066, abs=1e-6)


def test_one_fold_has_none():
    assert interval_over_folds([0.1]) is None


def test_it_covers_the_mean_in_19_of_20_cases():
    draws = np.random.default_rng(0).normal(0.01, 0.03, size=(4000, 5))
    found = [interval_over_folds(list(row)) for row in draws]
    covered = np.mean([low < 0.01 < high for low, high in found])
    assert covered == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("interval", "folds", "word"),
    [
        ((0.001, 0.05), 5, "ahead"),
        ((-0.05, -0.001), 5, "behind"),
        ((-0.01, 0.05), 5, "not resolved"),
        ((-0.9 * MARGIN, 0.9 * MARGIN), 5, "equivalent"),
        ((0.001, 0.9 * MARGIN), 5, "equivalent"),
        ((0.1, 0.2), 2, "too few folds"),
        (None, 1, "too few folds"),
    ],
)
def test_words(interval, folds, word):
    assert verdict(interval, folds) == word
