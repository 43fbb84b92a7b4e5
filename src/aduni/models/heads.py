"""Heads on the encoder's features: classifiers and the projector."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.losses.precision import full_precision


class Classifier(nn.Sequential):
    """Dropout, then a linear layer: (N, D) -> (N, C) logits."""

    def __init__(self, features: int, classes: int, dropout: float) -> None:
        super().__init__(nn.Dropout(dropout), nn.Linear(features, classes))

    @property
    def linear(self) -> nn.Linear:
        """The layer that learns."""
        return cast(nn.Linear, self[1])


class CosineClassifier(nn.Module):
    """Cosines of features and class weights: (N, D) -> (N, C) in -1..1, float32 at least.

    Source: Cao et al. 2019, released code (`NormedLinear`).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(functional.normalize(torch.rand(classes, features) * 2 - 1))

    def forward(self, features: Tensor) -> Tensor:
        """Half types would round the small angles away."""
        with torch.autocast(features.device.type, enabled=False):
            unit = functional.normalize(full_precision(features), dim=1)
            return unit @ functional.normalize(self.weight, dim=1).T


class ClassScale(nn.Module):
    """One learned factor per class on its logit: (N, C) -> (N, C); starts as the identity."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(classes))

    def forward(self, logits: Tensor) -> Tensor:
        """Scaled logits."""
        return logits * self.factors


class Projector(nn.Sequential):
    """Linear, ReLU, linear, L2 normalisation: (N, D) -> (N, D') unit vectors in float32.

    Without an embedding the features themselves are normalised, D' = D.
    """

    def __init__(self, features: int, hidden: int, embedding: int | None) -> None:
        if embedding is None:
            super().__init__()
            return
        super().__init__(
            nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, embedding)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Unit vectors; the norm of half types would lose what the loss needs."""
        embeddings: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return functional.normalize(full_precision(embeddings), dim=1)
