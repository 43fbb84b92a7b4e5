"""PaCo: AduC's loss with a momentum encoder and a queue of labelled keys (Cui et al. 2021)."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from aduni.batch import Batch
from aduni.distributed.collectives import apply_in_shuffled_shares, global_mean
from aduni.losses.contrastive import Contrasts, aduc
from aduni.methods.base import DataInfo, Method, Stage, gather_contrasts
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier, Projector
from aduni.models.memory import KeyQueue, MomentumCopy
from aduni.schedules import AlphaSchedule


class PaCo(Method):
    """Parametric contrastive learning: the first view gives queries, the second one keys.

    Only the queries are anchors. Each is compared with the classes, the other queries, all keys of
    the batch and the queue.

    Args:
        alpha: schedule of the loss weights.
        logit_adjustment: class frequencies used as prior: of the training part (dataset), or none.
        queue_size: K, number of keys of earlier batches.
        momentum: momentum m of the key encoder.
        temperature: temperature of the similarities.
        class_temperature: temperature of the class logits.
        beta: factor of the class term, multiplied by that of the schedule.
        hidden: width of the projector's hidden layer.
        embedding: length of the embedding.
        dropout: dropout rate before the classifier.
    """

    class_frequencies: Tensor

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        alpha: AlphaSchedule,
        *,
        logit_adjustment: Literal["dataset", "none"] = "dataset",
        queue_size: PositiveInt = 1024,
        momentum: Annotated[float, Field(ge=0, le=1)] = 0.999,
        temperature: PositiveFloat = 0.1,
        class_temperature: PositiveFloat = 1.0,
        beta: NonNegativeFloat = 1.0,
        hidden: PositiveInt = 512,
        embedding: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector(encoder.features, hidden, embedding)
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        self.keys = MomentumCopy(nn.Sequential(encoder, self.projector), momentum)
        self.memory = KeyQueue(queue_size, embedding)
        self.epochs = info.epochs
        self.alpha = alpha
        self.beta = beta
        self.logit_adjustment = logit_adjustment
        self.temperature = temperature
        self.class_temperature = class_temperature
        self.register_buffer("class_frequencies", info.class_counts / info.class_counts.sum())

    @property
    def stages(self) -> tuple[Stage, ...]:
        trainable = ("encoder", "projector", "classifier")
        return (Stage("train", self.epochs, self.loss, views=2, trainable=trainable),)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compare this rank's queries with all contrasts, then queue the batch's keys."""
        self.keys.update_from(nn.Sequential(self.encoder, self.projector))
        features = self.encoder(batch.views[0])
        queries = self.projector(features)
        keys = apply_in_shuffled_shares(self.keys, batch.views[1])
        among_queries = gather_contrasts(queries, batch.labels)
        labels = among_queries.labels
        old_keys, old_labels = self.memory.contents()
        contrasts = Contrasts(
            torch.cat([among_queries.features, keys, old_keys]),
            torch.cat([labels, labels, old_labels]),
            among_queries.own,
        )
        alpha, beta = self.alpha(epoch, self.epochs)
        per_anchor = aduc(
            self.classifier(features),
            queries,
            batch.labels,
            contrasts,
            alpha=alpha,
            beta=self.beta * beta,
            prior=self.class_frequencies if self.logit_adjustment == "dataset" else None,
            temperature=self.temperature,
            class_temperature=self.class_temperature,
            base_temperature=self.temperature,  # gives a factor of 1, as in PaCo's code
        )
        self.memory.add(keys, labels)
        return {"loss": global_mean(per_anchor), "alpha": torch.tensor(alpha)}
