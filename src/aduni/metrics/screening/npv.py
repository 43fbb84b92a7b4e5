"""Negative predictive value at the threshold."""

import numpy as np

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Outcome, ScreeningMetric
from aduni.metrics.screening.ppv import prevalence_of
from aduni.metrics.screening.sensitivity import sensitivity
from aduni.metrics.screening.specificity import specificity


def npv(outcome: Outcome) -> Floats:
    """Return (S,) shares of negative ones among those called negative, at the prevalence.

    With prevalence q, sensitivity a and specificity b: (1 - q) b / ((1 - q) b + q (1 - a)). NaN
    where nobody is called negative.
    """
    prevalence = prevalence_of(outcome)
    right = (1 - prevalence) * np.nan_to_num(specificity(outcome))
    wrong = prevalence * (1 - np.nan_to_num(sensitivity(outcome), nan=1.0))
    called = right + wrong
    return np.asarray(right / np.where(called > 0, called, np.nan))


METRIC = ScreeningMetric("npv", "Negative predictive value", npv, position=6)
