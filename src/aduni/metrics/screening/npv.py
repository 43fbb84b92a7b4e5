"""Negative predictive value at the threshold."""

import numpy as np

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome, ScreeningMetric
from aduni.metrics.screening.ppv import prevalence_of, weighted
from aduni.metrics.screening.sensitivity import sensitivity
from aduni.metrics.screening.specificity import specificity


def npv(outcome: Outcome) -> Floats:
    """Return (S,) shares of negative ones among those called negative, at the prevalence.

    With prevalence q, sensitivity a and specificity b: (1 - q) b / ((1 - q) b + q (1 - a)). NaN
    where nobody is called negative, or a or b is unknown and counts.
    """
    prevalence = prevalence_of(outcome)
    right = weighted(1 - prevalence, specificity(outcome))
    wrong = weighted(prevalence, 1 - sensitivity(outcome))
    called = right + wrong
    return np.asarray(right / np.where(called > 0, called, np.nan))


METRIC = ScreeningMetric("npv", "Negative predictive value", npv, position=6)
