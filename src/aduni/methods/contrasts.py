"""Contrasts of a batch, gathered from all ranks."""

import torch
from torch import Tensor

from aduni.distributed.collectives import gather, rank, row_counts
from aduni.losses.contrastive import Contrasts


def gather_contrasts(embeddings: Tensor, labels: Tensor) -> Contrasts:
    """Gather the samples of all ranks, and locate those of this rank among them.

    Args:
        embeddings: (N, D) unit vectors of this rank; gradients flow back to all ranks.
        labels: (N,) class numbers.
    """
    before = sum(row_counts(labels)[: rank()])
    own = before + torch.arange(len(labels), device=labels.device)
    return Contrasts(gather(embeddings), gather(labels), own)
