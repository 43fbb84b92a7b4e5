"""Cosine classifier that starts from the class means, with logit adjustment (Shi et al. 2024)."""

from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision
from aduni.losses.softmax import logit_adjusted
from aduni.methods.base import DataInfo, ReadPart, Stage
from aduni.methods.cosine import Cosine
from aduni.models.encoder import Encoder

LEAST_NORM = 1e-6
"""Norm below which a sum of unit vectors has no direction."""


class CosineMeans(Cosine):
    """Cosine classifier whose weights start as the class means of the encoder's unit features.

    Args:
        tau: strength of the logit adjustment in training; 0 for none.
        cosine: arguments of `Cosine`.
    """

    def __init__(
        self, encoder: Encoder, info: DataInfo, *, tau: NonNegativeFloat = 1.0, **cosine: Any
    ) -> None:
        super().__init__(encoder, info, **cosine)
        self.tau = tau

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, on_start=self.start_from_means),)

    @torch.no_grad()
    def start_from_means(self, read: ReadPart) -> dict[str, Any]:
        """Set each class's weights to the unit mean of its unit features, not augmented.

        A class without images, or whose features cancel, keeps its random unit vector.
        """
        self.eval()
        weight = self.classifier.weight
        sums = torch.zeros_like(weight)
        for batch in read("train"):
            unit = functional.normalize(full_precision(self.encoder(batch.views[0])), dim=1)
            sums += functional.one_hot(batch.labels, len(weight)).to(unit).T @ unit
        known = sums.norm(dim=1, keepdim=True) > LEAST_NORM
        weight.copy_(torch.where(known, functional.normalize(sums, dim=1), weight))
        return {}

    def losses(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """Return the (N,) losses of (N, C) cosines and (N,) labels."""
        return logit_adjusted(self.scale * cosines, labels, self.class_counts, tau=self.tau)
