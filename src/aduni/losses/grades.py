"""Losses for classes with an order, such as the grades 0 to 4 of a disease.

Class numbers are the grades. `corn` takes (N, C - 1) logits, the others (N, C).
"""

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision


def gaussian_smoothing(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, deviation: NonNegativeFloat = 0.5
) -> Tensor:
    """Compute the cross-entropy with targets t_k proportional to e^{-(k - y)^2 / (2 deviation^2)}.

    The targets of an image sum to 1; the counts are not used. deviation = 0 is cross-entropy.
    Source: Galdran et al. 2020, Gaussian label smoothing.
    """
    grades = torch.arange(logits.shape[1], device=logits.device)
    distances = (labels[:, None] - grades).to(full_precision(logits))
    # Of deviation 0 too: the nearest grade is then the only one.
    exponents = -distances.square() / max(2 * deviation**2, 1e-6)
    return functional.cross_entropy(
        full_precision(logits), exponents.softmax(dim=1), reduction="none"
    )


def cost_sensitive(
    logits: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    weight: NonNegativeFloat = 10.0,
    exponent: NonNegativeFloat = 2.0,
    deviation: NonNegativeFloat = 0.0,
) -> Tensor:
    """Compute `gaussian_smoothing` plus weight * sum_k (|y - k| / (C - 1))^exponent p_k.

    The sum is the expected cost of the answer, at most 1; the counts are not used. Alone, without
    the cross-entropy, it leads to one class for all images. Source: Galdran et al. 2020, the
    cost-sensitive regulariser, with the values of their released code.
    """
    own = gaussian_smoothing(logits, labels, class_counts, deviation=deviation)
    probabilities = full_precision(logits).softmax(dim=1)
    grades = torch.arange(logits.shape[1], device=logits.device)
    shares = (labels[:, None] - grades).abs().to(probabilities) / max(logits.shape[1] - 1, 1)
    return own + weight * (shares**exponent * probabilities).sum(dim=1)


def corn(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    """Compute the CORN loss of each image, summed over the tasks that it belongs to.

    Task k of C - 1 asks of the images with y >= k whether y > k, by the binary cross-entropy of
    logit k. The sum over an image's tasks is -log P(y) by `corn_log_probabilities`. The paper
    divides the sum over a batch by the number of its (image, task) pairs, `corn_tasks`. The counts
    are not used.

    Source: Shi et al. 2023, the CORN loss.

    Args:
        logits: (N, C - 1) logits of P(y > k | y >= k).
        labels: (N,) grades.
        class_counts: (C,) training images of each grade.

    Returns:
        (N,) losses.
    """
    return -corn_log_probabilities(logits).gather(1, labels[:, None]).squeeze(1)


def corn_log_probabilities(logits: Tensor) -> Tensor:
    """Return (N, C) log P(y = k) of (N, C - 1) logits of P(y > k | y >= k).

    P(y > k) is the product of the conditional probabilities up to k, and P(y = k) is P(y > k - 1)
    times 1 - P(y > k | y >= k), which has no rounding errors of a difference of products.
    """
    logits = full_precision(logits)
    above = functional.logsigmoid(logits).cumsum(dim=1)
    stops = functional.logsigmoid(-logits)
    return functional.pad(above, (1, 0)) + functional.pad(stops, (0, 1))


def corn_tasks(labels: Tensor, classes: int) -> Tensor:
    """Return the (N,) numbers of tasks of images with (N,) grades: min(y + 1, C - 1)."""
    return (labels + 1).clamp(max=classes - 1)
