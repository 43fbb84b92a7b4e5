"""LADE: a regulariser of class logits that makes them independent of the class frequencies."""

import math

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision
from aduni.losses.softmax import balanced_softmax


def lade_regulariser(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, quadratic: NonNegativeFloat = 0.1
) -> Tensor:
    """Compute R = -sum_c pi_c ( mean_{i: y_i = c} z_i,c - S_c - q S_c^2 ) of a whole batch.

    S_c = log( (1/N) sum_i e^{z_i,c} / (C pi_c) ) and pi_c = n_c / sum n. The parenthesis is the
    regularised Donsker-Varadhan bound of class c, which is maximised. A class that the batch lacks
    has no first term, and one without training images no term at all.

    Source: Hong et al. 2021, the LADER loss, as their released code weights the classes.

    Args:
        logits: (N, C) logits of a batch.
        labels: (N,) class numbers.
        class_counts: (C,) training images of each class.
        quadratic: q.

    Returns:
        R, a scalar.
    """
    logits = full_precision(logits)
    prior = (class_counts / class_counts.sum()).to(logits)
    classes = len(class_counts)
    one_hot = functional.one_hot(labels, classes).to(logits)
    first = (one_hot * logits).sum(dim=0) / one_hot.sum(dim=0).clamp(min=1)
    log_ratio = torch.where(prior > 0, -(classes * prior).log(), 0.0)
    second = (logits + log_ratio).logsumexp(dim=0) - math.log(len(logits))
    return -(prior * (first - second - quadratic * second.square())).sum()


def lade(
    logits: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    weight: NonNegativeFloat = 0.1,
    quadratic: NonNegativeFloat = 0.1,
) -> Tensor:
    """Compute Balanced Softmax plus the weighted regulariser, the same for each image of the batch.

    Source: Hong et al. 2021, the LADE loss. Only training uses the counts: predictions are made
    from z.
    """
    own = balanced_softmax(logits, labels, class_counts)
    return own + weight * lade_regulariser(logits, labels, class_counts, quadratic=quadratic)
