"""Losses of class logits.

Each takes (N, C) logits, (N,) labels and the (C,) numbers of training images of each class, and
returns one value per sample, (N,). To add a loss, add a function here and a YAML that names it.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision

SoftmaxLoss = Callable[[Tensor, Tensor, Tensor], Tensor]

Share = Annotated[float, Field(ge=0, lt=1)]


def cross_entropy(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    """Compute loss_i = -log( e^{z_i,y_i} / sum_c e^{z_i,c} ); the counts are not used."""
    return functional.cross_entropy(full_precision(logits), labels, reduction="none")


def balanced_softmax(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    """Compute the cross-entropy of z_c + log n_c.

    Source: Ren et al. 2020, equation 3. Only training uses the counts: predictions are made from z.
    """
    return cross_entropy(full_precision(logits) + class_counts.log(), labels, class_counts)


def logit_adjusted(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, tau: NonNegativeFloat = 1.0
) -> Tensor:
    """Compute the cross-entropy of z_c + tau log pi_c, with pi_c = n_c / sum n.

    Source: Menon et al. 2021, equation 10; equal to Balanced Softmax at tau = 1.
    """
    prior = class_counts / class_counts.sum()
    return cross_entropy(full_precision(logits) + tau * prior.log(), labels, class_counts)


def focal(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, gamma: NonNegativeFloat = 2.0
) -> Tensor:
    """Compute loss_i = -(1 - p_i)^gamma log p_i, with p_i the probability of the true class.

    Source: Lin et al. 2017, equation 4, with the softmax in place of the sigmoid. The counts are
    not used.
    """
    negative_log = cross_entropy(logits, labels, class_counts)
    # 1 - p = -expm1(log p). It is clamped because the gradient of its power at 0 is infinite for
    # gamma < 1.
    return (-(-negative_log).expm1()).clamp(min=1e-7) ** gamma * negative_log


def class_balanced(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, beta: Share = 0.9999
) -> Tensor:
    """Compute the cross-entropy times w_y, with the weights of `effective_number_weights`.

    Source: Cui et al. 2019, equation 12; beta = 0 is cross-entropy.
    """
    weights = effective_number_weights(class_counts, beta)
    return weights[labels] * cross_entropy(logits, labels, class_counts)


def ldam(
    cosines: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    max_margin: NonNegativeFloat = 0.5,
    scale: PositiveFloat = 30.0,
) -> Tensor:
    """Compute the LDAM loss: the cross-entropy of s (cos_c - [c = y] m_c).

    The margin is m_c = max_margin n_c^(-1/4) / max_k n_k^(-1/4). Source: Cao et al. 2019,
    equations 12 and 13, with the scale s of their released code.

    Args:
        cosines: (N, C) cosines of features and class weights.
        labels: (N,) class numbers.
        class_counts: (C,) training images of each class.
        max_margin: margin of the rarest class.
        scale: s.
    """
    margins = class_counts**-0.25
    margins = max_margin * margins / margins.max()
    true = functional.one_hot(labels, len(class_counts))
    return cross_entropy(scale * (full_precision(cosines) - true * margins), labels, class_counts)


def effective_number_weights(class_counts: Tensor, beta: float) -> Tensor:
    """Return (C,) weights (1 - beta) / (1 - beta^n_c), scaled to the sum C.

    Source: Cui et al. 2019, equation 11; beta = 0 gives ones.
    """
    counts = class_counts.double()  # in float32, 1 - 0.9999^n loses half its digits
    weights = (1 - beta) / (1 - beta**counts)
    return (weights * len(weights) / weights.sum()).to(
        torch.promote_types(class_counts.dtype, torch.float32)
    )
