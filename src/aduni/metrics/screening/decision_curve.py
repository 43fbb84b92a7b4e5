"""Decision curves: what acting on the score is worth, against acting on all or on nobody."""

import numpy as np

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import POSITIVE, Outcome
from aduni.metrics.screening.ppv import prevalence_of

SHOWN_CHANCES = (0.05, 0.1, 0.2, 0.5)
"""Chances of being positive from which one would act, of tables of a decision curve."""


def decision_curve(outcome: Outcome, chances: Floats) -> tuple[Floats, Floats]:
    """Return (S, T) net benefits of acting where the score is at least t, and of acting on all.

    With prevalence q, sensitivity a and specificity b at the threshold t it is
    q a - (1 - q) (1 - b) t / (1 - t), in true positives a person: who acts from a chance of t
    upwards takes 1 / t - 1 false alarms for a case found. Acting on nobody is worth 0. NaN without
    positive or without negative images. The scores are taken as calibrated chances of the images;
    a stated prevalence changes them as `at_prevalence` does. Source: Vickers and Elkin 2006,
    doi 10.1177/0272989X06295361.

    Args:
        chances: (T,) t, in (0, 1).
    """
    samples, share = outcome.samples, prevalence_of(outcome)[:, None]
    truth = samples.labels[:, None] == POSITIVE
    scores = at_prevalence(
        samples.probabilities[:, POSITIVE], samples.labels.mean(), outcome.levels.prevalence
    )
    called = scores[:, None] >= chances
    found, alarmed = (
        samples.means((called & part).astype(np.float64)) / _above_zero(samples.means(part * 1.0))
        for part in (truth, ~truth)
    )
    exchange = chances / (1 - chances)
    return share * found - (1 - share) * alarmed * exchange, share - (1 - share) * exchange


def at_prevalence(scores: Floats, given: float, stated: float | None) -> Floats:
    """Return (n,) chances for people of whom another share is positive.

    The odds are multiplied by the ratio of the odds of the two prevalences (Bayes' rule), which
    holds where positive people look alike in both, and negative ones too.

    Args:
        scores: (n,) calibrated chances where the prevalence is `given`.
        given: share of positive images.
        stated: share of positive people where the model is to work; None for `given`.
    """
    if stated is None or stated == given or not 0 < given < 1:
        return scores
    positive, negative = scores * (stated / given), (1 - scores) * ((1 - stated) / (1 - given))
    total = positive + negative
    return np.where(total > 0, positive / np.where(total > 0, total, 1), scores)


def _above_zero(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)
