"""Points of the ROC curve that a sensitivity or a specificity asks for."""

from collections.abc import Iterator

import numpy as np

from aduni.metrics.ranking import ranked_counts
from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import POSITIVE, Outcome

ROUNDING = 1e-9


def best_other(outcome: Outcome, *, level: float, given: str) -> Floats:
    """Return (S,) highest sensitivities at a specificity of at least `level`, or the reverse.

    Nothing is interpolated: each value is one that a threshold on the score reaches. NaN where
    there are no positive or no negative images.

    Args:
        given: "specificity" or "sensitivity", of which `level` is asked for.
    """
    parts = []
    for sensitivity, specificity in _curves(outcome):
        asked, other = sensitivity, specificity
        if given == "specificity":
            asked, other = other, asked
        reached = np.where(asked >= level - ROUNDING, other, -np.inf).max(axis=1)
        undefined = np.isnan(sensitivity).any(axis=1) | np.isnan(specificity).any(axis=1)
        parts.append(np.where(undefined, np.nan, reached))
    return np.concatenate(parts)


def _curves(outcome: Outcome) -> Iterator[tuple[Floats, Floats]]:
    """Yield sensitivities and specificities (s, T + 1) at all thresholds, from low to high."""
    for positive, negative in ranked_counts(outcome.samples, POSITIVE):
        passed = [
            np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))) for part in (positive, negative)
        ]
        all_positive, all_negative = (
            np.where(part[:, -1:] > 0, part[:, -1:], np.nan) for part in passed
        )
        yield 1 - passed[0] / all_positive, passed[1] / all_negative
