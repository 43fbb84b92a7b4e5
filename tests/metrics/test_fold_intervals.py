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


@pytest.mark.parametrize(
    ("correlation", "ratio", "coverage"),
    [
        (0.0, 0.0, 0.95),
        (0.0, 0.25, 0.986),
        # Nadeau and Bengio assume a correlation of n_test / (n_test + n_train). The variance of the
        # mean is 0.2 + 0.8 * 0.2 = 0.36, and the t interval takes it for 0.8 / 5: too short by
        # sqrt(0.36 / 0.16) = 1.5, and |t| of 4 degrees of freedom is below 2.776 / 1.5 in 86 %.
        (0.2, 0.0, 0.862),
        (0.2, 0.25, 0.95),
    ],
)
def test_coverage(correlation, ratio, coverage):
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(20000, 1)), rng.normal(size=(20000, 5))
    draws = 0.01 + 0.03 * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    found = [interval_over_folds(list(row), ratio) for row in draws]
    covered = np.mean([low < 0.01 < high for low, high in found])
    assert covered == pytest.approx(coverage, abs=0.006)


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
