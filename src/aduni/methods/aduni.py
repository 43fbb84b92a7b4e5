"""AdUni: train encoder, projector and classifier together by the AduC loss (Cong et al. 2022)."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.contrastive import aduc
from aduni.methods.base import DataInfo, Method, Stage, gather_contrasts
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier, Projector
from aduni.schedules import AlphaSchedule


class AdUni(Method):
    """Unified contrastive learning within each batch, without queue or momentum encoder.

    Args:
        alpha: schedule of the loss weights.
        weighting: `released` (the authors' code) or `printed` (the paper), see
            `losses.contrastive.aduc`.
        logit_adjustment: class frequencies used as prior: of the training part (dataset, the
            authors' code), of the sampler (sampled), or none.
        temperature: temperature of the similarities.
        class_temperature: temperature of the class logits.
        base_temperature: base temperature of the released weighting.
        beta: factor of the class term, multiplied by that of the schedule.
        hidden: width of the projector's hidden layer.
        embedding: length of the embedding; None to use the features, without projector.
        dropout: dropout rate before the classifier.
    """

    dataset_frequencies: Tensor
    sampled_frequencies: Tensor

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        alpha: AlphaSchedule,
        *,
        weighting: Literal["released", "printed"] = "released",
        logit_adjustment: Literal["dataset", "sampled", "none"] = "dataset",
        temperature: PositiveFloat = 0.1,
        class_temperature: PositiveFloat = 1.0,
        base_temperature: PositiveFloat = 0.07,
        beta: NonNegativeFloat = 1.0,
        hidden: PositiveInt = 512,
        embedding: PositiveInt | None = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector(encoder.features, hidden, embedding)
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        self.epochs = info.epochs
        self.alpha = alpha
        self.beta = beta
        self.logit_adjustment = logit_adjustment
        self.weighting = weighting
        self.temperature = temperature
        self.class_temperature = class_temperature
        self.base_temperature = base_temperature
        frequencies = info.class_counts / info.class_counts.sum()
        self.register_buffer("dataset_frequencies", frequencies)
        self.register_buffer("sampled_frequencies", info.sampled_frequencies)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, views=2),)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compare every view of this rank's images with the views of all ranks by AduC."""
        views = len(batch.views)
        features = self.encoder(batch.views.flatten(0, 1))
        embeddings = self.projector(features)
        labels = batch.labels.repeat(views)
        alpha, beta = self.alpha(epoch, self.epochs)
        per_anchor = aduc(
            self.classifier(features),
            embeddings,
            labels,
            gather_contrasts(embeddings, labels),
            alpha=alpha,
            beta=self.beta * beta,
            prior=self._prior(epoch),
            temperature=self.temperature,
            class_temperature=self.class_temperature,
            base_temperature=self.base_temperature,
            weighting=self.weighting,
        )
        return {"loss": global_mean(per_anchor), "alpha": torch.tensor(alpha)}

    def _prior(self, epoch: int) -> Tensor | None:
        if self.logit_adjustment == "none":
            return None
        if self.logit_adjustment == "sampled":
            return self.sampled_frequencies[epoch]
        return self.dataset_frequencies
