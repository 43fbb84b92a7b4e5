"""Losses of class logits.

Each takes (N, C) logits, (N,) labels and the (C,) numbers of training images of each class, and
returns one value per sample, (N,). To add a loss, add a function here and a YAML that names it.
"""

from collections.abc import Callable

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision

SoftmaxLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


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
    adjusted = full_precision(logits) + _scaled_log_prior(class_counts, tau)
    return cross_entropy(adjusted, labels, class_counts)


def vector_scaling(
    logits: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    gamma: NonNegativeFloat = 0.3,
    tau: NonNegativeFloat = 1.0,
) -> Tensor:
    """Compute the VS loss: the cross-entropy of z_c / D_c + tau log pi_c.

    D_c = (n_max / n_c)^gamma is 1 for the most frequent class, and pi_c = n_c / sum n.

    Source: Kini et al. 2021, the multiclass VS loss with the parameters of their released code
    (1 / D_c is their Delta_c, tau log pi_c their iota_c). gamma = 0 is logit adjustment, tau = 0
    the CDT loss (Ye et al. 2020). Only training uses the counts: predictions are made from z.
    """
    divisors = (class_counts.max() / class_counts) ** gamma
    scaled = full_precision(logits) / divisors + _scaled_log_prior(class_counts, tau)
    return cross_entropy(scaled, labels, class_counts)


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


def gcl(
    cosines: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    cloud: NonNegativeFloat = 0.5,
    margin: NonNegativeFloat = 0.0,
    scale: PositiveFloat = 30.0,
    noise: Tensor | None = None,
) -> Tensor:
    """Compute the GCL loss: the cross-entropy of s (cos_c - k |e_c| d_c / d_max - [c = y] m).

    d_c = log n_max - log n_c, so that every cosine of a rare class is lowered, whether it is the
    true one or not, and that of the most frequent class never. Source: Li et al. 2022, with the
    values of the first stage of their released code.

    Args:
        cosines: (N, C) cosines of features and class weights.
        labels: (N,) class numbers.
        class_counts: (C,) training images of each class; one without any counts as having one.
        cloud: k, the largest decrease of a cosine of the rarest class; 0 for no noise.
        margin: m, subtracted from the true class.
        scale: s.
        noise: (N, C) e, between -1 and 1; None draws it anew from the normal distribution of
            standard deviation 1/3, clipped to this range.
    """
    cosines = full_precision(cosines)
    if noise is None:
        noise = (torch.randn_like(cosines) / 3).clamp(-1, 1)
    counts = class_counts.clamp(min=1)
    rarity = counts.max().log() - counts.log()
    # The clamp gives 0 for equal counts, instead of 0 / 0.
    rarity = rarity / rarity.max().clamp(min=torch.finfo(rarity.dtype).tiny)
    true = functional.one_hot(labels, len(class_counts))
    lowered = cosines - cloud * noise.abs() * rarity - true * margin
    return cross_entropy(scale * lowered, labels, class_counts)


def _scaled_log_prior(class_counts: Tensor, tau: float) -> Tensor:
    """Return (C,) tau log pi_c; 0 for tau = 0, also for a class without images."""
    return torch.xlogy(tau, class_counts / class_counts.sum())
