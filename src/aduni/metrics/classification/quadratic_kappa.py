"""Quadratically weighted kappa."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def quadratic_kappa(samples: Samples) -> Floats:
    """Return (S,) agreements of grades beyond chance, disagreements weighted by squared distance.

    NaN where all labels and predictions are of one class: nothing is left to chance then.
    """
    counts = samples.counts
    observed = samples.means(np.square(samples.labels - samples.predicted, dtype=np.float64))
    return kappa_of_counts(counts.true, counts.predicted, observed)


def kappa_of_counts(true: Floats, predicted: Floats, observed: Floats) -> Floats:
    """Return (S,) quadratic kappas, NaN where nothing is left to chance.

    kappa = 1 - sum_ij w_ij o_ij / sum_ij w_ij e_ij with w_ij = (i - j)^2, o the confusion matrix
    and e = r c^T / N the one expected by chance, r being the images of each class, c those
    predicted as it, and N their number. The denominator is found without the matrix:
    sum_ij w_ij r_i c_j = N sum_i i^2 (r_i + c_i) - 2 (sum_i i r_i) (sum_j j c_j).

    Args:
        true: (S, C) images of each class.
        predicted: (S, C) images predicted as it.
        observed: (S,) means of the squared distances of labels and predictions.
    """
    images, numbers = true.sum(axis=1), np.arange(true.shape[1], dtype=np.float64)
    squares = (true + predicted) @ numbers**2
    products = (true @ numbers) * (predicted @ numbers)
    by_chance = (images * squares - 2 * products) / images**2
    return np.asarray(1 - observed / np.where(by_chance > 0, by_chance, np.nan))


METRIC = Metric(
    "quadratic_kappa",
    "Quadratic kappa",
    quadratic_kappa,
    position=5,
    ordinal=True,
    meaning="agreement of grades, squared distances weigh; 0 is chance",
)
