"""LADE: Balanced Softmax and a regulariser of the whole batch (Hong et al. 2021)."""

from typing import Any

from pydantic import NonNegativeFloat
from torch import Tensor

from aduni.distributed.collectives import gather
from aduni.losses.label_distribution import lade_regulariser
from aduni.methods.base import DataInfo
from aduni.methods.softmax import Softmax
from aduni.models.encoder import Encoder


class LADE(Softmax):
    """`Softmax` whose loss has the regulariser of the batch of all processes added.

    Class weights multiply the loss of the images, not the regulariser, which has its own.

    Args:
        weight: factor of the regulariser; 0 leaves the loss alone.
        quadratic: factor of the squared term of its bound.
        softmax: arguments of `Softmax`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        weight: NonNegativeFloat = 0.1,
        quadratic: NonNegativeFloat = 0.1,
        **softmax: Any,
    ) -> None:
        super().__init__(encoder, info, **softmax)
        self.weight, self.quadratic = weight, quadratic

    @property
    def loss_id(self) -> dict[str, Any]:
        """Values of `Softmax`, and the regulariser's."""
        return super().loss_id | {"weight": self.weight, "quadratic": self.quadratic}

    def _mean_loss(self, logits: Tensor, labels: Tensor, epoch: int) -> Tensor:
        own = super()._mean_loss(logits, labels, epoch)
        if not self.weight:
            return own
        # The same on every process; `gather` sums their gradients, and DDP averages them.
        everyone = gather(logits), gather(labels)
        regulariser = lade_regulariser(*everyone, self.class_counts, quadratic=self.quadratic)
        return own + self.weight * regulariser
