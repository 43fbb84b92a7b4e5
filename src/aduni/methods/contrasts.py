"""What the embeddings of a batch are compared with, over all ranks."""

import torch
from torch import Tensor

from aduni.distributed.collectives import gather, rank, row_counts
from aduni.losses.contrastive import Contrasts


def gather_contrasts(embeddings: Tensor, labels: Tensor) -> Contrasts:
    """All ranks' samples, and where this rank's own stand among them.

    Args:
        embeddings: (N, D) of this rank; gradients reach those of all ranks.
        labels: (N,).
    """
    before = sum(row_counts(labels)[: rank()])
    own = before + torch.arange(len(labels), device=labels.device)
    return Contrasts(gather(embeddings), gather(labels), own)
