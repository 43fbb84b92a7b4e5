"""Expected calibration error."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Ints, Samples

BINS = 15


def expected_calibration_error(samples: Samples, bins: int = BINS) -> Floats:
    """Return (S,) mean gaps between confidence and accuracy over equal-width bins of confidence.

    sum_b (n_b / n) * | accuracy(b) - confidence(b) |, bins (0, 1/bins], (1/bins, 2/bins], ...
    Source: Guo et al. 2017, equation 3.
    """
    confidence = samples.probabilities.max(axis=1)
    correct = samples.predicted == samples.labels
    gaps = np.zeros((len(confidence), bins))
    gaps[np.arange(len(gaps)), confidence_bins(confidence, bins)] = correct - confidence
    return np.asarray(np.abs(samples.means(gaps)).sum(axis=1))


def confidence_bins(confidence: Floats, bins: int = BINS) -> Ints:
    """Number the bins (0, 1/bins], (1/bins, 2/bins], ... of (n,) confidences; 0 is in the first."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


METRIC = Metric(
    "expected_calibration_error",
    "ECE",
    expected_calibration_error,
    best="lowest",
    position=6,
    meaning="expected calibration error: mean gap between confidence and accuracy",
)
