"""Calibrate prediction sets on images that had no part in training or selecting the model."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aduni.metrics.conformal.kinds import Score
from aduni.metrics.conformal.scores import SCORES
from aduni.metrics.samples import Floats, Ints

ROUNDING = 1e-9
ROUNDED_OFF = 1e-12
"""A score this little above a threshold is equal to it but for the order of a sum."""


@dataclass(frozen=True)
class PredictionSets:
    """Thresholds below which a class is in the set of an image.

    Attributes:
        score: of nonconformity.
        confidence_level: share of images whose set holds their class, at least.
        class_conditional: whether that holds within each class, too.
        thresholds: (C,) of the score; infinite for a class of too few groups: every set holds it.
    """

    score: Score
    confidence_level: float
    class_conditional: bool
    thresholds: list[float]

    def sets(self, probabilities: Floats) -> NDArray[np.bool_]:
        """Return (n, C) whether the set of each image holds each class."""
        return np.asarray(
            SCORES[self.score](probabilities) <= np.array(self.thresholds) + ROUNDED_OFF
        )


def calibrate_sets(
    labels: Ints,
    probabilities: Floats,
    groups: Ints,
    *,
    score: Score = "lac",
    confidence_level: float = 0.9,
    class_conditional: bool = False,
) -> PredictionSets:
    """Find the thresholds whose sets hold the class of a new group's image at the level.

    Groups, such as patients, are taken to be exchangeable, their images not: each group counts as
    one, however many images it has. With one image in each this is split conformal prediction.
    Source: Lee, Barber and Willett 2023 (arXiv 2306.06342), equation 6; class by class as in
    Vovk 2012 (arXiv 1209.2673).

    Args:
        labels: (n,) true classes.
        probabilities: (n, C).
        groups: (n,) number of the group of each image.
        score: of nonconformity.
        confidence_level: in (0, 1).
        class_conditional: whether the level is kept within each class.
    """
    classes = probabilities.shape[1]
    found = SCORES[score](probabilities)[np.arange(len(labels)), labels]
    if class_conditional:
        of_class = [labels == number for number in range(classes)]
        thresholds = [group_quantile(found[m], groups[m], confidence_level) for m in of_class]
    else:
        thresholds = [group_quantile(found, groups, confidence_level)] * classes
    return PredictionSets(score, confidence_level, class_conditional, thresholds)


def group_quantile(scores: Floats, groups: Ints, level: float) -> float:
    """Return the least score that a new group's image is below with a chance of at least `level`.

    Each of K groups has the weight 1 / (K + 1), shared by its images; the new group, of which
    nothing is known, has the rest. Infinite if K is below `least_groups(level)`.
    """
    if not len(scores):
        return math.inf
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / (sizes[member] * (len(sizes) + 1))
    order = np.argsort(scores, kind="stable")
    reached = np.flatnonzero(np.cumsum(weights[order]) >= level - ROUNDING)
    return float(scores[order[reached[0]]]) if len(reached) else math.inf


def least_groups(level: float) -> int:
    """Return the number of groups with which a set can be smaller than all classes."""
    return math.ceil(level / (1 - level) - ROUNDING)
