"""The loss as the authors' released code computes it: whole matrices, one after another."""

import torch
from torch import Tensor
from torch.nn import functional


def released_loss(
    logits: Tensor,
    features: Tensor,
    labels: Tensor,
    contrast_features: Tensor,
    contrast_labels: Tensor,
    *,
    alpha: float,
    prior: Tensor,
    temperature: float = 0.1,
    base_temperature: float = 0.07,
) -> Tensor:
    """Mean over anchors of AduC with beta = 1, where anchor i is contrast i.

    The formula is that of `aduni.losses.contrastive.aduc`, weighting `released`.

    Args:
        logits: (N, C).
        features: (N, D) unit vectors.
        labels: (N,).
        contrast_features: (M, D), the anchors first.
        contrast_labels: (M,).
        alpha: weight of a positive pair.
        prior: (C,) class frequencies.
        temperature: tau.
        base_temperature: tau_base.

    Returns:
        a scalar.
    """
    anchors, classes = logits.shape
    similarities = features @ contrast_features.T / temperature
    entries = torch.cat([logits + torch.log(prior + 1e-9), similarities], dim=1)
    entries = entries - entries.max(dim=1, keepdim=True).values.detach()
    others = torch.ones_like(similarities)
    others = others.scatter(1, torch.arange(anchors, device=labels.device)[:, None], 0.0)
    positives = (labels[:, None] == contrast_labels).float() * others
    own_class = functional.one_hot(labels, classes).float()
    weights = torch.cat([own_class, alpha * positives], dim=1)
    counted = torch.cat([torch.ones_like(own_class), others], dim=1)
    total = (entries.exp() * counted).sum(dim=1, keepdim=True)
    log_p = entries - torch.log(total + 1e-12)
    mean = (weights * log_p).sum(dim=1) / (weights.sum(dim=1) + 1e-12)
    return -(temperature / base_temperature) * mean.mean()
