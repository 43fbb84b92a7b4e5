"""Losses on class logits alone.

Each takes (N, C) logits, (N,) labels and (C,) images of each class in the training part, and
returns one value per sample, (N,). A new one is a function here, and a YAML that names it.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision

SoftmaxLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, labels, class_counts) -> losses."""

Share = Annotated[float, Field(ge=0, lt=1)]


def cross_entropy(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    """loss_i = -log( e^{z_i,y_i} / sum_c e^{z_i,c} ); the counts are not used."""
    return functional.cross_entropy(full_precision(logits), labels, reduction="none")


def balanced_softmax(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    """Cross-entropy on z_c + log n_c.

    Source: Ren et al. 2020, equation 3. The counts belong to training alone: predictions are made
    from z.
    """
    return cross_entropy(full_precision(logits) + class_counts.log(), labels, class_counts)


def logit_adjusted(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, tau: NonNegativeFloat = 1.0
) -> Tensor:
    """Cross-entropy on z_c + tau log pi_c, pi_c = n_c / sum n.

    Source: Menon et al. 2021, equation 10; at tau = 1 it has the value of Balanced Softmax.
    """
    prior = class_counts / class_counts.sum()
    return cross_entropy(full_precision(logits) + tau * prior.log(), labels, class_counts)


def focal(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, gamma: NonNegativeFloat = 2.0
) -> Tensor:
    """loss_i = -(1 - p_i)^gamma log p_i, p_i the softmax probability of the true class.

    Source: Lin et al. 2017, equation 4, with the softmax in place of the sigmoid. The counts are
    not used.
    """
    negative_log = cross_entropy(logits, labels, class_counts)
    # 1 - p = -expm1(log p). Just above 0 the power's gradient, for gamma < 1, would be infinite.
    return (-(-negative_log).expm1()).clamp(min=1e-7) ** gamma * negative_log


def class_balanced(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, beta: Share = 0.9999
) -> Tensor:
    """Cross-entropy times w_y, w_c proportional to (1 - beta) / (1 - beta^n_c), of sum C.

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
    """Cross-entropy on s (cos_c - [c = y] m_c), m_c = max_margin n_c^(-1/4) / max_k n_k^(-1/4).

    Source: Cao et al. 2019, equations 12 and 13, with the scale s of their released code.

    Args:
        cosines: (N, C) of features and class weights.
        labels: (N,).
        class_counts: (C,).
        max_margin: of the rarest class.
        scale: s.
    """
    margins = class_counts**-0.25
    margins = max_margin * margins / margins.max()
    true = functional.one_hot(labels, len(class_counts))
    return cross_entropy(scale * (full_precision(cosines) - true * margins), labels, class_counts)


def effective_number_weights(class_counts: Tensor, beta: float) -> Tensor:
    """(C,) weights (1 - beta) / (1 - beta^n_c), scaled to the sum C.

    Source: Cui et al. 2019, equation 11; beta = 0 gives ones.
    """
    counts = class_counts.double()  # 1 - 0.9999^n loses half its digits in float32
    weights = (1 - beta) / (1 - beta**counts)
    return (weights * len(weights) / weights.sum()).to(
        torch.promote_types(class_counts.dtype, torch.float32)
    )
