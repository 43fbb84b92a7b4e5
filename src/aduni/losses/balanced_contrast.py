"""Balanced contrastive loss: every class weighs the same below the line, however many samples.

Letters: N anchors, M contrasts, C classes, D features (see aduni.batch).
"""

import torch
from torch import Tensor

from aduni.losses.contrastive import Contrasts
from aduni.losses.precision import full_precision


def balanced_contrastive(
    features: Tensor,
    labels: Tensor,
    contrasts: Contrasts,
    *,
    classes: int,
    temperature: float = 0.07,
) -> Tensor:
    """Compute the balanced contrastive loss: class averages instead of a sum over samples.

    With A_c(i) the contrasts of class c without the anchor itself, and P(i) = A_{y_i}(i):

    loss_i = -1 / |P(i)| * sum_{p in P(i)} log( e^{f_i.f_p / tau}
             / sum_c 1 / |A_c(i)| sum_{k in A_c(i)} e^{f_i.f_k / tau} )

    Source: Zhu et al. 2022, the loss L_BCL (class-averaging), and `BalSCL` of the released code. A
    class without contrasts is left out of the sum; `with_prototypes` gives each class one, which
    is the paper's class-complement. An anchor without positives contributes 0.

    Args:
        features: (N, D) unit vectors of the anchors.
        labels: (N,) class numbers of the anchors.
        contrasts: samples, and prototypes, that the anchors are compared with.
        classes: C.
        temperature: tau.

    Returns:
        (N,) losses, in float32 for half types.
    """
    with torch.autocast(features.device.type, enabled=False):  # autocast would round the products
        features = full_precision(features)
        similarities = (features / temperature) @ contrasts.features.to(features).T
    own = contrasts.own[:, None]
    same = labels[:, None] == contrasts.labels
    numbers = torch.arange(classes, device=labels.device)
    sizes = (contrasts.labels == numbers[:, None]).sum(dim=1)[contrasts.labels]
    averaged = similarities - (sizes - same.long()).clamp(min=1).to(features).log()
    # The lowest number instead of -inf, whose gradient is nan for an anchor without contrasts.
    log_total = averaged.scatter(1, own, torch.finfo(features.dtype).min).logsumexp(dim=1)
    positive = same.scatter(1, own, False)
    count = positive.sum(dim=1)
    mean = (similarities * positive).sum(dim=1) / count.clamp(min=1)
    return torch.where(count > 0, log_total - mean, 0.0)


def with_prototypes(contrasts: Contrasts, prototypes: Tensor, labels: Tensor) -> Contrasts:
    """Append (K, D) unit vectors and their (K,) class numbers to the contrasts.

    A prototype is a positive of the anchors of its class, and an anchor itself only if `own` names
    its row. Prototypes come last, so that the rows of the anchors stay what they were.
    """
    features = full_precision(contrasts.features)
    return Contrasts(
        torch.cat([features, prototypes.to(features)]),
        torch.cat([contrasts.labels, labels]),
        contrasts.own,
    )
