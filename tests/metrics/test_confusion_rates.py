"""Confusion rates against scikit-learn and, in resamples, a loop."""

import numpy as np
from sklearn.metrics import confusion_matrix

from aduni.metrics.confusion_rates import confusion_rates
from aduni.metrics.samples import Samples


def test_rates_are_those_of_scikit_learn_and_of_a_loop_over_the_drawn_images():
    rng = np.random.default_rng(0)
    labels, members = rng.integers(0, 3, 40), rng.integers(0, 15, 40)
    probabilities = rng.dirichlet(np.ones(4), 40)  # the fourth class has no image
    draws = np.concatenate([np.ones((1, 15)), rng.integers(0, 3, (5, 15))]).astype(np.uint8)
    found = confusion_rates(Samples(labels, probabilities, members, draws))
    predicted = probabilities.argmax(axis=1)
    assert np.allclose(found[0, :3, :3].sum(axis=1) + found[0, :3, 3], 1)
    assert np.isnan(found[:, 3]).all()
    matrix = confusion_matrix(labels, predicted, labels=range(4)).astype(float)
    assert np.allclose(found[0, :3], matrix[:3] / matrix[:3].sum(axis=1, keepdims=True))
    for sample, draw in zip(found, draws, strict=True):
        for true in range(3):
            kept = [i for i in range(40) if labels[i] == true for _ in range(draw[members[i]])]
            for k in range(4):
                share = np.mean([predicted[i] == k for i in kept]) if kept else np.nan
                assert np.isclose(sample[true, k], share, equal_nan=True)
