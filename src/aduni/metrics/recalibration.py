"""Logistic recalibration of a class's probability, in every sample."""

import numpy as np

from aduni.metrics.samples import CHUNK, Floats, Samples

LEAST = 1e-12
"""Probabilities are taken to be this far from 0 and 1 at least: their logits are finite then."""
MAX_STEPS = 50
TOLERANCE = 1e-9
MAX_SLOPE = 1e3
"""Steeper fits are of probabilities that separate the classes, for which there is no best one."""
SMALLEST = 1e-300
"""In place of a curvature of 0, which no step can be divided by."""


def logistic_fit(samples: Samples, number: int, *, slope: bool = True) -> tuple[Floats, Floats]:
    """Fit logit P(class) = a + b logit(p) by maximum likelihood in S samples.

    Args:
        number: of the class, which is compared with the rest.
        slope: whether to fit b; else it is 1.

    Returns:
        a and b (S,); NaN where no values are best.
    """
    from scipy.special import logit  # takes a third of a second

    scores = logit(np.clip(samples.probabilities[:, number], LEAST, 1 - LEAST))
    truth = (samples.labels == number).astype(np.float64)
    whole = np.ones((1, len(scores)))
    # Near the fit of all images that of a sample takes few steps.
    start = np.nan_to_num(_newton(whole, scores, truth, np.array([[0.0], [1.0]]), slope=slope))
    parts = []
    for first in range(0, len(samples.draws), CHUNK):
        weights = samples.draws[first : first + CHUNK, samples.members].astype(np.float64)
        parts.append(_newton(weights, scores, truth, start, slope=slope))
    a, b = np.concatenate(parts, axis=1)
    return a, b


def _newton(
    weights: Floats, scores: Floats, truth: Floats, start: Floats, *, slope: bool
) -> Floats:
    """Return (2, s) values a and b by Newton steps, each at most as long as one unit of logit.

    Args:
        weights: (s, n) of the images.
        scores: (n,) logits of the probabilities.
        truth: (n,) 1 for images of the class, else 0.
        start: (2, 1) values to begin with.
        slope: whether to fit b.
    """
    middle = float(scores.mean())  # a and b hardly depend on each other if scores are around 0
    values = np.repeat(start, len(weights), axis=1)
    values[0] += values[1] * middle
    going = np.arange(len(weights))
    for _ in range(MAX_STEPS):
        step = _step(weights[going], scores - middle, truth, values[:, going], slope=slope)
        values[:, going] += step
        going = going[np.abs(step).max(axis=0) >= TOLERANCE]
        if not len(going):
            break
    positive = weights @ truth
    valid = (positive > 0) & (positive < weights.sum(axis=1)) & (np.abs(values[1]) < MAX_SLOPE)
    valid[going] = False
    values[0] -= values[1] * middle
    return np.where(valid, values, np.nan)


def _step(weights: Floats, scores: Floats, truth: Floats, values: Floats, *, slope: bool) -> Floats:
    """Return the (2, s) next steps of a and b."""
    from scipy.special import expit

    a, b = values
    fitted = expit(a[:, None] + b[:, None] * scores)
    errors, curvature = weights * (truth - fitted), weights * fitted * (1 - fitted)
    gradient_a, gradient_b = errors.sum(axis=1), errors @ scores
    aa = curvature.sum(axis=1)
    if not slope:
        return np.stack([np.clip(gradient_a / np.maximum(aa, SMALLEST), -1, 1), np.zeros_like(b)])
    ab, bb = curvature @ scores, curvature @ scores**2
    determinant = np.maximum(aa * bb - ab**2, SMALLEST)
    step = np.stack([bb * gradient_a - ab * gradient_b, aa * gradient_b - ab * gradient_a])
    step /= determinant
    return np.asarray(step / np.maximum(np.abs(step).max(axis=0), 1))
