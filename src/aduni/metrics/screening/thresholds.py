"""Choose the threshold of a screening question on a validation part."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from aduni.metrics.samples import Floats
from aduni.metrics.screening.outcome import Bools

Level = Literal["sensitivity", "specificity"]


def threshold_for_sensitivity(truth: Bools, scores: Floats, level: float) -> float:
    """Return the highest threshold at which at least `level` of the positive images are found.

    Args:
        truth: (n,) whether each image is positive; at least one is.
        scores: (n,); an image is called positive if its score is at least the threshold.
        level: in (0, 1].
    """
    positive = np.sort(scores[truth])[::-1]
    return float(positive[_least(level, len(positive)) - 1])


def threshold_for_specificity(truth: Bools, scores: Floats, level: float) -> float:
    """Return the lowest threshold at which at least `level` of the negative images are below it.

    It is a score of an image, or infinite where nothing may be called positive.

    Args:
        truth: (n,) whether each image is positive; at least one is not.
        scores: (n,).
        level: in (0, 1].
    """
    negative = np.sort(scores[~truth])
    highest = negative[_least(level, len(negative)) - 1]
    above = scores[scores > highest]
    return float(above.min()) if len(above) else math.inf


def _least(level: float, count: int) -> int:
    """Return the fewest of `count` images that are a share of at least `level`."""
    return max(math.ceil(level * count - 1e-9), 1)  # 0.95 * 20 is 19, not a little more


CHOOSERS: dict[Level, Callable[[Bools, Floats, float], float]] = {
    "sensitivity": threshold_for_sensitivity,
    "specificity": threshold_for_specificity,
}
"""What chooses a threshold, by the level that it keeps."""
