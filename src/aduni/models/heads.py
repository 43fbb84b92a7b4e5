"""Heads on the encoder's features: classifiers and projector."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.losses.precision import full_precision


class Classifier(nn.Sequential):
    """Dropout and a linear layer: (N, D) features -> (N, C) logits."""

    def __init__(self, features: int, classes: int, dropout: float) -> None:
        super().__init__(nn.Dropout(dropout), nn.Linear(features, classes))

    @property
    def linear(self) -> nn.Linear:
        return cast(nn.Linear, self[1])


class CosineClassifier(nn.Module):
    """Cosines of features and class weights: (N, D) features -> (N, C) in -1..1.

    Computed in float32 at least, since half types round small angles to zero. Source: Cao et al.
    2019, released code (`NormedLinear`).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(functional.normalize(torch.rand(classes, features) * 2 - 1))

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            unit = functional.normalize(full_precision(features), dim=1)
            return unit @ functional.normalize(self.weight, dim=1).T


class ClassScale(nn.Module):
    """Learned factor per class, 1 at first: (N, C) logits -> (N, C) logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(classes))

    def forward(self, logits: Tensor) -> Tensor:
        return logits * self.factors


class Projector(nn.Sequential):
    """Linear, ReLU, linear, L2 normalisation: (N, D) features -> (N, D') unit vectors.

    If `embedding` is None, the features themselves are normalised and D' = D.
    """

    def __init__(self, features: int, hidden: int, embedding: int | None) -> None:
        if embedding is None:
            super().__init__()
            return
        super().__init__(
            nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, embedding)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return unit vectors, normalised in float32 at least for an exact norm."""
        embeddings: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return functional.normalize(full_precision(embeddings), dim=1)
