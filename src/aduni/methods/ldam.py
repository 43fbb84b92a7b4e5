"""LDAM: label-distribution-aware margins (Cao et al. 2019)."""

from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor

from aduni.losses.softmax import ldam
from aduni.methods.base import DataInfo
from aduni.methods.cosine import Cosine
from aduni.models.encoder import Encoder


class LDAM(Cosine):
    """Cosine classifier with margins that grow as a class gets rarer.

    Args:
        max_margin: margin of the rarest class.
        cosine: arguments of `Cosine`; the paper's class weights are those by effective numbers in
            the last epochs.
    """

    def __init__(
        self, encoder: Encoder, info: DataInfo, *, max_margin: NonNegativeFloat = 0.5, **cosine: Any
    ) -> None:
        super().__init__(encoder, info, **cosine)
        self.max_margin = max_margin

    def losses(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """Return the (N,) losses of (N, C) cosines and (N,) labels."""
        margin, scale = self.max_margin, self.scale
        return ldam(cosines, labels, self.class_counts, max_margin=margin, scale=scale)
