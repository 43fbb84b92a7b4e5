"""LDAM: label-distribution-aware margins and deferred re-weighting (Cao et al. 2019)."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.softmax import Share, effective_number_weights, ldam
from aduni.methods.base import DataInfo, Method, Stage
from aduni.models.encoder import Encoder
from aduni.models.heads import CosineClassifier


class LDAM(Method):
    """Cosine classifier with margins, re-weighted by effective numbers in the last epochs.

    Args:
        reweight: `deferred` or `none`.
        defer_until: share of the epochs without class weights.
        beta: beta of the effective numbers.
        max_margin: margin of the rarest class.
        scale: factor of the cosines.
    """

    class_counts: Tensor

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        reweight: Literal["deferred", "none"] = "deferred",
        defer_until: Annotated[float, Field(ge=0, le=1)] = 0.8,
        beta: Share = 0.9999,
        max_margin: NonNegativeFloat = 0.5,
        scale: PositiveFloat = 30.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = CosineClassifier(encoder.features, info.classes)
        self.reweight = reweight
        self.defer_until = defer_until
        self.beta = beta
        self.max_margin = max_margin
        self.scale = scale
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss),)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) scaled cosines, without margins."""
        return self.scale * self._cosines(images)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean loss of the batch, weighted by the weights of the true classes."""
        cosines = self._cosines(batch.views.flatten(0, 1))
        margin, scale = self.max_margin, self.scale
        losses = ldam(cosines, batch.labels, self.class_counts, max_margin=margin, scale=scale)
        return {"loss": global_mean(losses, self.class_weights(epoch)[batch.labels])}

    def class_weights(self, epoch: int) -> Tensor:
        """Return (C,) weights of sum C: ones until the re-weighting begins."""
        if self.reweight == "none" or epoch < self.defer_until * self.epochs:
            return torch.ones_like(self.class_counts)
        return effective_number_weights(self.class_counts, self.beta)

    def _cosines(self, images: Tensor) -> Tensor:
        cosines: Tensor = self.classifier(self.encoder(images))
        return cosines
