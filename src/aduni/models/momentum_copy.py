"""Moving average of a model's weights (momentum encoder)."""

import copy

import torch
from torch import Tensor, nn


class MomentumCopy(nn.Module):
    """Moving average of a model's weights: k <- m k + (1 - m) q.

    It has no gradients, and its batch norm always uses the statistics of the batch, since it is
    applied to training batches only.

    Source: He et al. 2020, equation 2.

    Args:
        source: model whose weights are averaged.
        momentum: m.
    """

    def __init__(self, source: nn.Module, momentum: float) -> None:
        super().__init__()
        self.model = copy.deepcopy(source).requires_grad_(False)
        self.momentum = momentum

    def train(self, mode: bool = True) -> "MomentumCopy":
        """Stay in train mode, although a stage puts modules that it does not train in eval mode."""
        return super().train(True)

    @torch.no_grad()
    def update_from(self, source: nn.Module) -> None:
        """Move the weights one step toward those of the source."""
        for own, other in zip(self.model.parameters(), source.parameters(), strict=True):
            own.lerp_(other.detach(), 1 - self.momentum)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Apply the copy, without gradients."""
        output: Tensor = self.model(images)
        return output
