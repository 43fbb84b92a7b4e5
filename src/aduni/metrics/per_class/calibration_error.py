"""Calibration error of a class's probability."""

import numpy as np

from aduni.metrics.classification.calibration_error import BINS, confidence_bins
from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import Floats, Samples


def class_calibration_error(samples: Samples) -> Floats:
    """Return (S, C) mean gaps between a class's probability and its frequency, over bins.

    sum_b (n_b / n) * | frequency(b) - probability(b) |, bins [0, 1/B], (1/B, 2/B], ... of the
    class's probability, B = `BINS`. NaN in an empty sample. Source: Kull et al. 2019 (arXiv
    1910.12656), equation 2.
    """
    classes = range(samples.probabilities.shape[1])
    return np.stack([_of_class(samples, number) for number in classes], axis=1)


def _of_class(samples: Samples, number: int) -> Floats:
    probabilities = samples.probabilities[:, number]
    gaps = np.zeros((len(probabilities), BINS))
    numbered = confidence_bins(probabilities)
    gaps[np.arange(len(gaps)), numbered] = (samples.labels == number) - probabilities
    return np.asarray(np.abs(samples.means(gaps)).sum(axis=1))


METRIC = ClassMetric(
    "calibration_error",
    "Calibration error",
    class_calibration_error,
    best="lowest",
    position=8,
    max_resamples=2_000,
)
