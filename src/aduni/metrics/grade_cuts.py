"""Decide grades by the expected grade, with cut points tuned on a validation part."""

import numpy as np

from aduni.metrics.classification.quadratic_kappa import kappa_of_counts
from aduni.metrics.samples import Floats, Ints

MAX_ROUNDS = 20
CANDIDATES = 50
"""Values that are tried for a cut point."""


def expected_grades(probabilities: Floats) -> Floats:
    """Return (n,) means of the grade 0 .. C - 1 under (n, C) probabilities."""
    return np.asarray(probabilities @ np.arange(probabilities.shape[1]))


def grades_by_cuts(expected: Floats, cuts: Floats) -> Ints:
    """Return (n,) grades: how many of the C - 1 cut points are at most the expected grade."""
    return np.searchsorted(cuts, expected, side="right").astype(np.int64)


def fit_cuts(labels: Ints, expected: Floats, classes: int) -> Floats:
    """Find cut points with a high quadratic kappa, one after the other, until none gets better.

    They begin halfway between the grades. Each is tried at quantiles of the expected grades between
    its neighbours; of equal ones the one nearest to the halfway point is taken.

    Args:
        labels: (n,) grades 0 .. C - 1.
        expected: (n,) expected grades.
        classes: C.

    Returns:
        (C - 1,) cut points, from low to high.
    """
    start: Floats = np.arange(classes - 1, dtype=np.float64) + 0.5
    cuts, best = start.copy(), kappa_of_grades(labels, grades_by_cuts(expected, start), classes)
    values = np.unique(np.quantile(expected, np.linspace(0, 1, CANDIDATES)))
    for _ in range(MAX_ROUNDS):
        before = best
        for place in range(classes - 1):
            low = cuts[place - 1] if place else -np.inf
            high = cuts[place + 1] if place + 2 < classes else np.inf
            inside = values[(values >= low) & (values <= high)]
            for value in sorted(inside, key=lambda v: abs(v - start[place])):
                tried = cuts.copy()
                tried[place] = value
                found = kappa_of_grades(labels, grades_by_cuts(expected, tried), classes)
                if found > best + 1e-12:
                    cuts, best = tried, found
        if best <= before:
            break
    return cuts


def kappa_of_grades(labels: Ints, grades: Ints, classes: int) -> float:
    """Return the quadratic kappa of two lists of grades; -1 where it is undefined."""
    true, given = (np.bincount(each, minlength=classes)[None] for each in (labels, grades))
    observed = np.square(labels - grades, dtype=np.float64).mean(keepdims=True)
    kappa = kappa_of_counts(true.astype(np.float64), given.astype(np.float64), observed)
    return float(np.nan_to_num(kappa[0], nan=-1.0))
