"""A method of two stages, as a user would add one: the trainer's side must need no change."""

from typing import Any

from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo, Method, ReadPart, Stage
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier


class TwoStages(Method):
    """Cross-entropy on all parameters, then on a new classifier under another sampler."""

    def __init__(self, encoder: Encoder, info: DataInfo, *, classifier_sampler: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = Classifier(encoder.features, info.classes, dropout=0.5)
        self.epochs = info.epochs
        self.counts = info.class_counts
        self.classifier_sampler = classifier_sampler

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (
            Stage("representation", self.epochs, self.loss, next_from="last"),
            Stage(
                "classifier",
                self.epochs,
                self.loss,
                views=2,
                trainable=("classifier",),
                sampler=self.classifier_sampler,
                on_start=self.reset,
            ),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encoder(images))
        return logits

    def reset(self, read: ReadPart) -> dict[str, Any]:
        self.classifier.linear.reset_parameters()
        return {}

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        logits = self(batch.views.flatten(0, 1))
        return {
            "loss": global_mean(
                cross_entropy(logits, batch.labels.repeat(len(batch.views)), self.counts)
            )
        }
