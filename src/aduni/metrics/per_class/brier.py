"""Brier score of a class against the rest."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import Floats, Samples


def class_brier(samples: Samples) -> Floats:
    """Return (S, C) mean squared differences of a class's probability to 1 if it is true, else 0.

    A probability that is the class's share everywhere gives share (1 - share), so that a rare class
    has a low score without any skill. NaN in an empty sample. Source: Brier 1950.
    """
    truth = np.arange(samples.probabilities.shape[1]) == samples.labels[:, None]
    return samples.means((samples.probabilities - truth) ** 2)


METRIC = ClassMetric("brier", "Brier score", class_brier, best="lowest", position=7)
