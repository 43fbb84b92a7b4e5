"""Losses on class logits alone. Each returns one value per sample, (N,)."""

from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """loss_i = -log( e^{z_i,y_i} / sum_c e^{z_i,c} ).

    Args:
        logits: (N, C).
        labels: (N,).

    Returns:
        (N,) losses.
    """
    return functional.cross_entropy(full_precision(logits), labels, reduction="none")
