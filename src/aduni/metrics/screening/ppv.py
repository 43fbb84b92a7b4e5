"""Positive predictive value at the threshold."""

import numpy as np

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome, ScreeningMetric
from aduni.metrics.screening.sensitivity import sensitivity
from aduni.metrics.screening.specificity import specificity


def prevalence_of(outcome: Outcome) -> Floats:
    """Return (S,) shares of positive images, or the prevalence that is stated, S times."""
    stated = outcome.levels.prevalence
    images = outcome.counts.images
    return outcome.counts.true[:, 1] / images if stated is None else np.full(len(images), stated)


def weighted(share: Floats, rate: Floats) -> Floats:
    """Return share times rate; 0 where the share is 0, whatever the rate, which may be NaN."""
    return np.where(share == 0, 0.0, share * rate)


def ppv(outcome: Outcome) -> Floats:
    """Return (S,) shares of positive ones among those called positive, at the prevalence.

    With prevalence q, sensitivity a and specificity b: q a / (q a + (1 - q) (1 - b)). NaN where
    nobody is called positive, or a or b is unknown and counts.
    """
    prevalence = prevalence_of(outcome)
    right = weighted(prevalence, sensitivity(outcome))
    wrong = weighted(1 - prevalence, 1 - specificity(outcome))
    called = right + wrong
    return np.asarray(right / np.where(called > 0, called, np.nan))


METRIC = ScreeningMetric("ppv", "Positive predictive value", ppv, position=5)
