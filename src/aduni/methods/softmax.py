"""Encoder and linear classifier, trained by a loss on the logits (CE and its variants)."""

from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from aduni.batch import Batch
from aduni.errors import UserError
from aduni.losses.softmax import SoftmaxLoss
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.class_weights import ClassWeights, WeightedMean
from aduni.methods.mixing import Mixing
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class Softmax(Method):
    """Method with one stage on one view, trained by a loss on the logits.

    Args:
        loss: function of `losses.softmax`.
        dropout: dropout rate before the classifier.
        mixing: how the images of a batch are mixed; None for not at all.
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
        mixing: Mixing | None = None,
        class_weights: ClassWeights | None = None,
    ) -> None:
        super().__init__()
        self.mixing = mixing or Mixing()
        if self.mixing.kind != "none" and encoder.is_frozen:
            raise UserError(
                f"method.mixing.kind={self.mixing.kind} mixes pixels, which a frozen encoder never "
                "sees mixed: its features are extracted once; set method.mixing.kind=none or "
                "encoder.adaptation=norm_bias."
            )
        self.encoder = encoder
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        self.softmax_loss = loss
        self.class_weights = class_weights or ClassWeights()
        self.mean = WeightedMean(class_weights, info)
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (
            Stage(
                "train",
                self.epochs,
                self.loss,
                loss_id=self.loss_id,
                balanced_partners=self.mixing.is_balanced,
            ),
        )

    @property
    def loss_id(self) -> dict[str, Any]:
        """Name and options of the loss, the mixing, and the class weights."""
        function = getattr(self.softmax_loss, "func", self.softmax_loss)
        options = getattr(self.softmax_loss, "keywords", {})
        own = {"loss": function.__qualname__, **options, **self.mixing.loss_id}
        return own | self.class_weights.loss_id

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) logits."""
        return self._logits(images)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean loss of the batch, with mixing and class weights if they are on."""
        mixed = self.mixing(batch.views.flatten(0, 1), batch.labels, epoch, self.epochs)
        logits = self._logits(mixed.images)
        own = self._mean_loss(logits, mixed.labels, epoch)
        if mixed.other_labels is None:
            return {"loss": own}
        other = self._mean_loss(logits, mixed.other_labels, epoch)
        return {"loss": mixed.share * own + (1 - mixed.share) * other}

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encoder(images))
        return logits

    def _mean_loss(self, logits: Tensor, labels: Tensor, epoch: int) -> Tensor:
        losses = self.softmax_loss(logits, labels, self.class_counts)
        mean: Tensor = self.mean(losses, labels, epoch)
        return mean
