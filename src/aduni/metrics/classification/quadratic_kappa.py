"""Quadratically weighted kappa."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def quadratic_kappa(samples: Samples) -> Floats:
    """Return (S,) agreements of grades beyond chance, disagreements weighted by squared distance.

    kappa = 1 - sum_ij w_ij o_ij / sum_ij w_ij e_ij with w_ij = (i - j)^2, o the confusion matrix
    and e = r c^T / N the one expected by chance, r being the images of each class, c those
    predicted as it, and N their number. The denominator is found without the matrix:
    sum_ij w_ij r_i c_j = N sum_i i^2 (r_i + c_i) - 2 (sum_i i r_i) (sum_j j c_j).
    NaN where all labels and predictions are of one class: nothing is left to chance then.
    """
    counts, images = samples.counts, samples.counts.images
    numbers = np.arange(counts.true.shape[1], dtype=np.float64)
    squares = (counts.true + counts.predicted) @ numbers**2
    products = (counts.true @ numbers) * (counts.predicted @ numbers)
    by_chance = (images * squares - 2 * products) / images**2
    observed = samples.means(np.square(samples.labels - samples.predicted, dtype=np.float64))
    return np.asarray(1 - observed / np.where(by_chance > 0, by_chance, np.nan))


METRIC = Metric(
    "quadratic_kappa",
    "Quadratic kappa",
    quadratic_kappa,
    position=5,
    ordinal=True,
    meaning="agreement of grades, squared distances weigh; 0 is chance",
)
