"""Post-hoc logit adjustment: subtract the prior from a model's logits (Menon et al. 2021)."""

from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor

from aduni.methods.base import DataInfo
from aduni.methods.softmax import Softmax
from aduni.models.encoder import Encoder


class PostHoc(Softmax):
    """`Softmax` that predicts from z_c - tau log pi_c, with pi_c = n_c / sum n (equation 9).

    Args:
        tau: strength of the adjustment; 0 for none.
        softmax: arguments of `Softmax`.
    """

    def __init__(
        self, encoder: Encoder, info: DataInfo, *, tau: NonNegativeFloat = 1.0, **softmax: Any
    ) -> None:
        super().__init__(encoder, info, **softmax)
        self.tau = tau

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) adjusted logits."""
        prior = self.class_counts / self.class_counts.sum()
        return self._logits(images) - self.tau * prior.log()
