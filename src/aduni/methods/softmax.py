"""Encoder and linear classifier, trained by a loss on the logits (CE and its variants)."""

from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.errors import UserError
from aduni.losses.softmax import SoftmaxLoss
from aduni.methods.base import DataInfo, Method, Stage
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class Softmax(Method):
    """Method with one stage on one view, trained by a loss on the logits.

    Args:
        loss: function of `losses.softmax`.
        dropout: dropout rate before the classifier.
        mixup: a of the Beta(a, a) distribution of the mixing factors (Zhang et al. 2018); 0 for no
            mixup.
    """

    class_counts: Tensor
    classifier: Classifier

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        loss: SoftmaxLoss,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        mixup: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__()
        if mixup and encoder.is_frozen:
            raise UserError(
                "method.mixup mixes pixels, which a frozen encoder never sees mixed: its features "
                "are extracted once; set method.mixup=0 or encoder.adaptation=norm_bias."
            )
        self.encoder = encoder
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        self.softmax_loss = loss
        self.mixup = mixup
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, loss_id=self.loss_id),)

    @property
    def loss_id(self) -> dict[str, Any]:
        """Name and options of the loss, and the parameter of mixup."""
        function = getattr(self.softmax_loss, "func", self.softmax_loss)
        options = getattr(self.softmax_loss, "keywords", {})
        return {"loss": function.__qualname__, **options, "mixup": self.mixup}

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) logits."""
        return self._logits(images)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean loss of the batch, with mixup if it is on."""
        images, labels = batch.views.flatten(0, 1), batch.labels
        if not self.mixup:
            return {"loss": global_mean(self._losses(self._logits(images), labels))}
        share = float(torch.distributions.Beta(self.mixup, self.mixup).sample())
        others = torch.randperm(len(labels), device=labels.device)
        logits = self._logits(share * images + (1 - share) * images[others])
        own, other = self._losses(logits, labels), self._losses(logits, labels[others])
        return {"loss": global_mean(share * own + (1 - share) * other)}

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encoder(images))
        return logits

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self.softmax_loss(logits, labels, self.class_counts)
