"""Supervised contrastive losses of one batch: the feature term alone, and AduC.

Letters: N anchors, M contrasts, C classes, D features (see aduni.batch). Every loss returns one
value per anchor; half types are computed in float32.
"""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from aduni.losses.precision import full_precision


class Contrasts(NamedTuple):
    """Samples that anchors are compared with.

    Attributes:
        features: (M, D) unit vectors.
        labels: (M,) class numbers.
        own: (N,) row of each anchor itself, which is not compared with itself.
    """

    features: Tensor
    labels: Tensor
    own: Tensor


def supervised_contrastive(
    features: Tensor,
    labels: Tensor,
    contrasts: Contrasts,
    *,
    classes: int,
    temperature: float = 0.1,
    base_temperature: float = 0.07,
) -> Tensor:
    """Compute the supervised contrastive loss: a mean over each anchor's positives.

    loss_i = -(tau / tau_base) / |P(i)|
             * sum_{p in P(i)} log( e^{f_i.f_p / tau} / sum_{k != i} e^{f_i.f_k / tau} )

    Source: Khosla et al. 2020, equation 2 (L_out); the paper's equation 1 is |P(i)| times this
    without the base temperature. An anchor without positives contributes 0.

    Args:
        features: (N, D) unit vectors of the anchors.
        labels: (N,) class numbers of the anchors.
        contrasts: samples that the anchors are compared with.
        classes: C.
        temperature: tau.
        base_temperature: tau_base.

    Returns:
        (N,) losses.
    """
    log_total, pairs, count = _compare(features, labels, contrasts, classes, temperature)
    mean = pairs / count.clamp(min=1) - log_total
    return -(temperature / base_temperature) * torch.where(count > 0, mean, 0.0)


def aduc(
    logits: Tensor,
    features: Tensor,
    labels: Tensor,
    contrasts: Contrasts,
    *,
    alpha: float,
    beta: float = 1.0,
    prior: Tensor | None = None,
    temperature: float = 0.1,
    class_temperature: float = 1.0,
    base_temperature: float = 0.07,
    weighting: Literal["released", "printed"] = "released",
) -> Tensor:
    """Compute the AduC loss: one softmax over C classes and M - 1 samples.

    With p the softmax over  (z_i,c + log(prior_c + 1e-9)) / tau_class  for all classes c
                        and  f_i.f_k / tau  for all contrasts k != i:

    released: loss_i = -(tau / tau_base) * ( beta log p(y_i) + alpha sum_{p in P(i)} log p(p) )
                       / ( beta + alpha |P(i)| + 1e-12 )
    printed:  loss_i = -(1 / |P(i)|) * sum_{p in P(i)} [ alpha log p(p) + beta log p(y_i) ],
              0 for an anchor without positives

    Source: Cong et al. 2022, equations 1-3, read with the temperature inside the exponential
    (`printed`, the sum over positives taken as a mean), and the authors' released code
    (`released`), which adds the logit adjustment, makes a weighted mean of both terms and
    multiplies by the base temperature's ratio.

    Args:
        logits: (N, C) logits of the anchors.
        features: (N, D) unit vectors of the anchors.
        labels: (N,) class numbers of the anchors.
        contrasts: samples that the features are compared with.
        alpha: weight of each positive pair.
        beta: weight of the class term.
        prior: (C,) class frequencies for the logit adjustment; None for no adjustment.
        temperature: tau of the sample entries.
        class_temperature: tau_class of the class entries.
        base_temperature: tau_base, used by `released` only.
        weighting: which of the two formulas above.

    Returns:
        (N,) losses.
    """
    logits = full_precision(logits)
    if prior is not None:
        logits = logits + torch.log(prior.to(logits) + 1e-9)
    logits = logits / class_temperature
    log_samples, pairs, count = _compare(features, labels, contrasts, logits.shape[1], temperature)
    log_total = torch.logaddexp(logits.logsumexp(dim=1), log_samples)
    class_term = logits.gather(1, labels[:, None]).squeeze(1) - log_total
    pair_terms = pairs - count * log_total
    if weighting == "released":
        total = beta * class_term + alpha * pair_terms
        return -(temperature / base_temperature) * total / (beta + alpha * count + 1e-12)
    mean = alpha * pair_terms / count.clamp(min=1) + beta * class_term
    return torch.where(count > 0, -mean, 0.0)


def _compare(
    features: Tensor, labels: Tensor, contrasts: Contrasts, classes: int, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compare each anchor with all contrasts but itself.

    Only the similarities form an (N, M) matrix. The sum over an anchor's positives is its product
    with the feature sum of its class, minus its product with itself.

    Returns:
        (N,) log sum_{k != i} e^{f_i.f_k / tau}; (N,) sum_{p in P(i)} f_i.f_p / tau; (N,) |P(i)|.
    """
    with torch.autocast(features.device.type, enabled=False):  # autocast would round the products
        features = full_precision(features)
        others = contrasts.features.to(features)
        scaled = features / temperature
        log_samples: Tensor = _LogSumOfOthers.apply(scaled, others, contrasts.own)
        class_numbers = torch.arange(classes, device=labels.device)
        one_hot = (contrasts.labels == class_numbers[:, None]).to(features)
        class_sums = scaled @ (one_hot @ others).T
    own_class_sum = class_sums.gather(1, labels[:, None]).squeeze(1)
    count = one_hot.sum(dim=1)[labels] - 1
    # Without positives the difference is a rounding error that the divisor 1e-12 would enlarge.
    pairs = torch.where(count > 0, own_class_sum - (scaled * features).sum(dim=1), 0.0)
    return log_samples, pairs, count


class _LogSumOfOthers(torch.autograd.Function):
    """Compute log sum_{k != own} e^{a_i.b_k} of anchors a and others b.

    One (N, M) matrix is kept from forward to backward. With torch's own operations it would be
    four: the products, and in the backward pass their differences, exponentials and gradients.
    """

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, others: Tensor, own: Tensor) -> Tensor:
        exponentials = anchors @ others.T
        # Assignment by index would copy -inf from the host.
        exponentials.scatter_(1, own[:, None], -torch.inf)
        # The maximum is clamped so that an anchor without others gives -inf instead of nan.
        lowest = torch.finfo(anchors.dtype).min
        largest = exponentials.amax(dim=1, keepdim=True).clamp(min=lowest)
        total = exponentials.sub_(largest).exp_().sum(dim=1)
        ctx.save_for_backward(anchors, others, exponentials, total)
        return total.log() + largest.squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        anchors, others, exponentials, total = ctx.saved_tensors
        with torch.autocast(anchors.device.type, enabled=False):
            # The total is 0 for an anchor without others, and at least 1 for any other.
            weights = (gradient / total.clamp(min=1))[:, None]
            anchor_gradient = weights * (exponentials @ others)
            return anchor_gradient, exponentials.T @ (weights * anchors), None
