"""Reliability of chosen classes against scikit-learn's calibration curve."""

import numpy as np
from sklearn.calibration import calibration_curve

from aduni.metrics.samples import Samples
from aduni.reporting.clinical.reliability_by_rarity import class_reliability


def test_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 4, 500), rng.dirichlet(np.ones(4), 500)
    classes = np.array([True, False, False, True])
    means, frequencies, counts = class_reliability(Samples.single(labels, probabilities), classes)
    truth = np.concatenate([labels == 0, labels == 3])
    scores = np.concatenate([probabilities[:, 0], probabilities[:, 3]])
    expected = calibration_curve(truth, scores, n_bins=15)
    assert np.allclose(frequencies, expected[0])
    assert np.allclose(means, expected[1])
    assert counts.sum() == 1000
