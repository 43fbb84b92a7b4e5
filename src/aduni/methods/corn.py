"""CORN: one binary classifier for each step between grades (Shi et al. 2023)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from aduni.batch import Batch
from aduni.losses.grades import corn, corn_log_probabilities, corn_tasks
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.class_weights import ClassWeights, WeightedMean
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class CORN(Method):
    """C - 1 logits of P(y > k | y >= k), trained on the images that have reached grade k.

    Args:
        dropout: dropout rate before the classifier.
        class_weights: weights of the classes, given to the images in all their tasks; None for
            none.
    """

    takes_class_weights = True
    needs_grades = True
    class_counts: Tensor
    classifier: Classifier

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        class_weights: ClassWeights | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = Classifier(encoder.features, info.classes - 1, dropout)
        self.mean = WeightedMean(class_weights, info)
        self.classes, self.epochs = info.classes, info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss),)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) log class probabilities."""
        return corn_log_probabilities(self._logits(images))

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean over all (image, task) pairs of the batch, by class weights if on."""
        labels = batch.labels
        losses = corn(self._logits(batch.views.flatten(0, 1)), labels, self.class_counts)
        tasks = corn_tasks(labels, self.classes).to(losses)
        return {"loss": self.mean(losses / tasks, labels, epoch, counts=tasks)}

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encoder(images))
        return logits
