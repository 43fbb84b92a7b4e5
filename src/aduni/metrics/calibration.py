"""Calibrate probabilities: temperature scaling, and correction for other class frequencies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_PROBABILITY = np.finfo(np.float64).tiny  # a probability of 0 has no logarithm
MAX_INVERSE_TEMPERATURE = 20.0
MAX_BIAS = 1e6  # far beyond any fit, as |log p / T| is below 15,000


@dataclass(frozen=True)
class Calibration:
    """Calibration of a model's probabilities p, fitted on the validation part.

    Temperature scaling (Guo et al. 2017, arXiv 1706.04599), softmax(log p / T); and for class
    frequencies other than the data's, bias-corrected temperature scaling (Alexandari et al. 2020,
    arXiv 1901.06852), softmax(log p / T' + b): its mean probabilities are the classes' shares,
    whatever prior the training gave the model.

    Attributes:
        temperature: T > 0; 1 changes nothing.
        bias_temperature: T'.
        bias: (C,) b.
        frequency: (C,) share of each class in the validation part.
    """

    temperature: float
    bias_temperature: float
    bias: list[float]
    frequency: list[float]

    def probabilities(self, probabilities: Floats) -> Floats:
        """Return (n, C) probabilities at the temperature; the predicted classes stay the same."""
        return at_temperature(probabilities, self.temperature)

    def under(self, probabilities: Floats, frequency: Floats) -> Floats:
        """Return (n, C) probabilities for data with other class frequencies.

        Args:
            probabilities: (n, C), of the model.
            frequency: (C,) shares; each class with a share above 0 must be in `self.frequency`.
        """
        held = np.array(self.frequency)
        shift = np.full(len(held), -np.inf)
        given = frequency > 0
        shift[given] = np.log(frequency[given]) - np.log(held[given])
        return _softmax(_logs(probabilities) / self.bias_temperature + self.bias + shift)


def at_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / T) of (n, C) probabilities p."""
    return _softmax(_logs(probabilities) / temperature)


def fit_calibration(labels: Ints, probabilities: Floats) -> Calibration:
    """Fit the least log loss, with the temperature alone and with temperature and bias.

    The labels count as Platt's (1999) targets: of n images, each is of its class with probability
    (n + 1) / (n + 2). Without this, a part without mistakes would make all predictions certain.
    """
    logs = _logs(probabilities)
    classes = logs.shape[1]
    sharpness, _ = _fit(labels, logs, biased=False)
    other, bias = _fit(labels, logs, biased=True)
    return Calibration(
        temperature=1 / sharpness,
        bias_temperature=1 / other,
        bias=bias.tolist(),
        frequency=(np.bincount(labels, minlength=classes) / len(labels)).tolist(),
    )


def _fit(labels: Ints, logs: Floats, *, biased: bool) -> tuple[float, Floats]:
    """Fit 1 / T and b; the loss is convex in both."""
    rows, classes = np.arange(len(labels)), logs.shape[1]
    count = len(labels)
    truth = np.full(logs.shape, 1 / ((count + 2) * max(classes - 1, 1)))
    truth[rows, labels] = (count + 1) / (count + 2)

    def loss(values: Floats) -> tuple[float, Floats]:
        sharpness, bias = values[0], values[1:]
        logits = sharpness * logs + bias
        slope = (_softmax(logits) - truth) / count
        mean = -(truth * log_softmax(logits, axis=1)).sum() / count
        return float(mean), np.r_[(slope * logs).sum(), slope.sum(axis=0) if biased else 0 * bias]

    limits = [(1 / MAX_INVERSE_TEMPERATURE, MAX_INVERSE_TEMPERATURE), *[(None, None)] * classes]
    start = np.r_[1.0, np.zeros(classes)]
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=options).x
    return float(found[0]), found[1:]


def _softmax(logits: Floats) -> Floats:
    return np.asarray(softmax(logits, axis=1))


def _logs(probabilities: Floats) -> Floats:
    return np.log(np.maximum(probabilities, MIN_PROBABILITY))
