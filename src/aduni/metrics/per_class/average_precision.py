"""Average precision of a class against the rest."""

import numpy as np

from aduni.metrics.metric import ClassMetric
from aduni.metrics.ranking import ranked_counts
from aduni.metrics.samples import Floats, Samples


def class_average_precision(samples: Samples) -> Floats:
    """Return (S, C) means of the precision at each image of the class, from the top of its ranking.

    AP = sum_t (R_t - R_(t-1)) P_t over the thresholds t from high to low, with recall R and
    precision P of the images at or above t; images of one score enter together, and nothing is
    interpolated (as in scikit-learn). At random it is the class's share. NaN where it is absent.
    """
    classes = samples.probabilities.shape[1]
    return np.stack([_means(samples, number) for number in range(classes)], axis=1)


def _means(samples: Samples, number: int) -> Floats:
    parts = []
    for of_class, others in ranked_counts(samples, number):
        found, wrong = (np.cumsum(part[:, ::-1], axis=1) for part in (of_class, others))
        all_found = found + wrong
        precision = found / np.where(all_found > 0, all_found, 1)
        images = of_class.sum(axis=1)
        total = np.einsum("ij,ij->i", of_class[:, ::-1], precision)
        parts.append(total / np.where(images > 0, images, np.nan))
    return np.concatenate(parts)


METRIC = ClassMetric(
    "average_precision",
    "Average precision",
    class_average_precision,
    position=6,
    max_resamples=500,
)
