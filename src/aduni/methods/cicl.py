"""CICL: balanced supervised contrastive learning, then a classifier (Marrakchi et al. 2021)."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.contrastive import supervised_contrastive
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import (
    CheckpointPath,
    DataInfo,
    Method,
    Stage,
    gather_contrasts,
    stage_epochs,
)
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier, Projector


class CICL(Method):
    """Contrastive stage, then classifier stage, on class-balanced batches.

    Both use the sampler of the run, which the method's YAML sets to `upsample`.

    Args:
        temperature: temperature of the similarities.
        base_temperature: the contrastive loss is multiplied by temperature / base_temperature.
        hidden: width of the projector's hidden layer.
        embedding: length of the embedding.
        dropout: dropout rate before the classifier.
        classifier_share: length of the second stage, as a share of the first one's epochs.
        hand_over: weights of the first stage that the second starts from.
        stage1_ckpt: checkpoint of an earlier run on the same split whose encoder and projector
            replace the first stage; None to train it.
    """

    class_counts: Tensor

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        temperature: PositiveFloat = 0.1,
        base_temperature: PositiveFloat = 0.07,
        hidden: PositiveInt = 512,
        embedding: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        classifier_share: Annotated[float, Field(gt=0)] = 0.1,
        hand_over: Literal["last"] = "last",
        stage1_ckpt: CheckpointPath | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector(encoder.features, hidden, embedding)
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        self.temperature = temperature
        self.base_temperature = base_temperature
        self.epochs = info.epochs
        self.classifier_epochs = stage_epochs(info.epochs, classifier_share)
        self.hand_over: Literal["last"] = hand_over
        self.stage1_ckpt = stage1_ckpt
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Representation, whose last weights are used since it has no score, then classifier.

        With a frozen encoder the classifier alone: it does not see the projector, which would be
        all that the first stage trains.
        """
        first = Stage(
            "representation",
            self.epochs,
            self.representation_loss,
            views=2,
            trainable=("encoder", "projector"),
            next_from=self.hand_over,
            validate=False,
            loss_id={
                "loss": supervised_contrastive.__qualname__,
                "temperature": self.temperature,
                "base_temperature": self.base_temperature,
            },
            init_from=self.stage1_ckpt,
        )
        second = Stage(
            "classifier", self.classifier_epochs, self.classifier_loss, trainable=("classifier",)
        )
        return (second,) if self.encoder.is_frozen else (first, second)

    def representation_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the supervised contrastive loss over the views of all ranks."""
        embeddings = self.projector(self.encoder(batch.views.flatten(0, 1)))
        labels = batch.labels.repeat(len(batch.views))
        losses = supervised_contrastive(
            embeddings,
            labels,
            gather_contrasts(embeddings, labels),
            classes=len(self.class_counts),
            temperature=self.temperature,
            base_temperature=self.base_temperature,
        )
        return {"loss": global_mean(losses)}

    def classifier_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the cross-entropy of one view of each image."""
        logits = self(batch.views.flatten(0, 1))
        return {"loss": global_mean(cross_entropy(logits, batch.labels, self.class_counts))}
