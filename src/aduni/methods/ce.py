"""CE: cross-entropy on one augmented view of an image."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed import global_mean
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import Method, Stage, Task
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class CE(Method):
    """Encoder and linear classifier under cross-entropy, the baseline of every table."""

    def __init__(
        self, encoder: Encoder, task: Task, *, dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = Classifier(encoder.features, task.classes, dropout)
        self.epochs = task.epochs

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One stage on one view."""
        return (Stage("train", self.epochs, self.loss),)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) logits."""
        logits: Tensor = self.classifier(self.encoder(images))
        return logits

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Mean cross-entropy of the batch."""
        logits = self(batch.views.flatten(0, 1))
        return {"loss": global_mean(cross_entropy(logits, batch.labels))}
