"""Matthews correlation coefficient of several classes."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Samples


def mcc(samples: Samples) -> Floats:
    """Return (S,) correlations of true and predicted classes, from -1 to 1; 0 is chance.

    With N images, H of them predicted right, t_k of class k and p_k predicted as it:
    (H N - sum_k t_k p_k) / sqrt((N^2 - sum_k p_k^2) (N^2 - sum_k t_k^2)). NaN where all labels or
    all predictions are of one class. Source: Gorodkin 2004, doi 10.1016/j.compbiolchem.2004.09.006.
    """
    counts, images = samples.counts, samples.counts.images
    products = (counts.true * counts.predicted).sum(axis=1)
    of_true, of_predicted = (
        images**2 - (part**2).sum(axis=1) for part in (counts.true, counts.predicted)
    )
    scale = np.sqrt(of_true * of_predicted)
    right = counts.hits.sum(axis=1)
    return np.asarray((right * images - products) / np.where(scale > 0, scale, np.nan))


METRIC = Metric(
    "mcc",
    "MCC",
    mcc,
    position=10,
    in_summary=False,
    meaning="Matthews correlation of true and predicted classes; 0 is chance",
)
