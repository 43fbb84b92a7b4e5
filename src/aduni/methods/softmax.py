"""Encoder and linear classifier, trained by a loss on the logits (CE and its variants)."""

from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.errors import UserError
from aduni.losses.softmax import SoftmaxLoss
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.class_weights import ClassWeights, WeightedMean
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class Softmax(Method):
    """Method with one stage on one view, trained by a loss on the logits.

    Args:
        loss: function of `losses.softmax`.
        dropout: dropout rate before the classifier.
        mixup: a of the Beta(a, a) distribution of the mixing factors (Zhang et al. 2018); 0 for no
            mixup.
        class_weights: weights of the classes in the mean over a batch; None for none.
    """

    takes_class_weights = True
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
        class_weights: ClassWeights | None = None,
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
        self.class_weights = class_weights or ClassWeights()
        self.mean = WeightedMean(class_weights, info)
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, loss_id=self.loss_id),)

    @property
    def loss_id(self) -> dict[str, Any]:
        """Name and options of the loss, the parameter of mixup, and the class weights."""
        function = getattr(self.softmax_loss, "func", self.softmax_loss)
        options = getattr(self.softmax_loss, "keywords", {})
        own = {"loss": function.__qualname__, **options, "mixup": self.mixup}
        return own | self.class_weights.loss_id

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) logits."""
        return self._logits(images)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean loss of the batch, with mixup and class weights if they are on."""
        images, labels = batch.views.flatten(0, 1), batch.labels
        if not self.mixup:
            return {"loss": self._mean_loss(self._logits(images), labels, epoch)}
        share = float(torch.distributions.Beta(self.mixup, self.mixup).sample())
        others = torch.randperm(len(labels), device=labels.device)
        logits = self._logits(share * images + (1 - share) * images[others])
        # Both sets of labels are the same up to their order, so that both means divide alike.
        own = self._mean_loss(logits, labels, epoch)
        other = self._mean_loss(logits, labels[others], epoch)
        return {"loss": share * own + (1 - share) * other}

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encoder(images))
        return logits

    def _mean_loss(self, logits: Tensor, labels: Tensor, epoch: int) -> Tensor:
        losses = self.softmax_loss(logits, labels, self.class_counts)
        mean: Tensor = self.mean(losses, labels, epoch)
        return mean
