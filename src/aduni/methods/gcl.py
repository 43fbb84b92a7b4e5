"""GCL: Gaussian clouded logits, noise that lowers the cosines of rare classes (Li et al. 2022)."""

from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor

from aduni.losses.softmax import gcl
from aduni.methods.base import DataInfo
from aduni.methods.cosine import Cosine
from aduni.models.encoder import Encoder


class GCL(Cosine):
    """Cosine classifier with noise that grows as a class gets rarer, drawn anew in each step.

    Args:
        cloud: largest decrease of a cosine of the rarest class.
        margin: margin of the true class.
        cosine: arguments of `Cosine`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        cloud: NonNegativeFloat = 0.5,
        margin: NonNegativeFloat = 0.0,
        **cosine: Any,
    ) -> None:
        super().__init__(encoder, info, **cosine)
        self.cloud, self.margin = cloud, margin

    def losses(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """Return the (N,) losses of (N, C) cosines and (N,) labels."""
        return gcl(
            *(cosines, labels, self.class_counts),
            cloud=self.cloud,
            margin=self.margin,
            scale=self.scale,
        )
