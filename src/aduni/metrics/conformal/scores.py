"""Nonconformity scores: how unlike its data a model finds each class of an image."""

from collections.abc import Callable

import numpy as np

from aduni.metrics.conformal.kinds import Score
from aduni.metrics.samples import Floats


def lac(probabilities: Floats) -> Floats:
    """Return (n, C) scores 1 - p, whose sets are the smallest on average.

    Source: least ambiguous set-valued classifiers, Sadinle et al. 2019 (arXiv 1609.00451).
    """
    return 1 - probabilities


def aps(probabilities: Floats) -> Floats:
    """Return (n, C) sums of the probabilities of all classes that are more probable than a class.

    The sets grow with how hard an image is. Source: adaptive prediction sets, Romano et al. 2020
    (arXiv 2006.02544), with their random number u fixed at 1, so that an image has the same set
    each time. The usual u = 0 counts the class itself: it leaves the sets of the surest images
    empty, or, if these get their most probable class, keeps a far higher level with larger sets.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    before = np.zeros_like(ranked)
    np.cumsum(ranked[:, :-1], axis=1, out=before[:, 1:])
    is_tied = np.zeros(ranked.shape, dtype=bool)
    is_tied[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    first = np.maximum.accumulate(np.where(is_tied, 0, np.arange(ranked.shape[1])), axis=1)
    found = np.empty_like(before)
    np.put_along_axis(found, order, np.take_along_axis(before, first, axis=1), axis=1)
    return found


SCORES: dict[Score, Callable[[Floats], Floats]] = {"lac": lac, "aps": aps}
