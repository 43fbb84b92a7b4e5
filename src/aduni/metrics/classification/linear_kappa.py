"""Linearly weighted kappa."""

import numpy as np

from aduni.metrics.classification.mean_absolute_grade_error import grade_errors
from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def linear_kappa(samples: Samples) -> Floats:
    """Return (S,) agreements of grades beyond chance, disagreements weighted by their distance.

    As `quadratic_kappa`, with w_ij = |i - j|. With R_t and C_t the images of grades up to t that
    are so and that are predicted so, of N, the denominator is found without a matrix:
    sum_ij w_ij r_i c_j = sum_t R_t (N - C_t) + C_t (N - R_t).
    """
    counts, images = samples.counts, samples.counts.images[:, None]
    true, predicted = (np.cumsum(part, axis=1) for part in (counts.true, counts.predicted))
    apart = (true * (images - predicted) + predicted * (images - true)).sum(axis=1)
    by_chance = apart / images[:, 0] ** 2
    errors = samples.means(grade_errors(samples))
    return np.asarray(1 - errors / np.where(by_chance > 0, by_chance, np.nan))


METRIC = Metric(
    "linear_kappa",
    "Linear kappa",
    linear_kappa,
    position=20,
    ordinal=True,
    in_summary=False,
    meaning="agreement of grades, distances weigh; 0 is chance",
)
