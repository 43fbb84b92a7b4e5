"""Heads on the encoder's features: the classifier and the projector."""

from torch import Tensor, nn
from torch.nn import functional

from aduni.losses.precision import full_precision


class Classifier(nn.Sequential):
    """Dropout, then a linear layer: (N, D) -> (N, C) logits."""

    def __init__(self, features: int, classes: int, dropout: float) -> None:
        super().__init__(nn.Dropout(dropout), nn.Linear(features, classes))


class Projector(nn.Sequential):
    """Linear, ReLU, linear, L2 normalisation: (N, D) -> (N, D') unit vectors in float32."""

    def __init__(self, features: int, hidden: int, embedding: int) -> None:
        super().__init__(
            nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, embedding)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Unit vectors; the norm of half types would lose what the loss needs."""
        embeddings: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return functional.normalize(full_precision(embeddings), dim=1)
