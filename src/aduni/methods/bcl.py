"""BCL: cross-entropy and a balanced contrastive loss with class prototypes (Zhu et al. 2022)."""

from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.balanced_contrast import balanced_contrastive, with_prototypes
from aduni.losses.softmax import cross_entropy, logit_adjusted
from aduni.methods.base import DataInfo, Method, Stage, gather_contrasts
from aduni.models.encoder import Encoder
from aduni.models.heads import CosineClassifier, Projector


class BCL(Method):
    """Balanced contrastive learning: the first of three views is classified, two are contrasted.

    The prototype of a class is a projection of its classifier weights, so that every class is among
    the contrasts of every batch. Prototypes are never anchors.

    Args:
        class_weight: factor of the cross-entropy.
        contrast_weight: factor of the contrastive loss.
        temperature: temperature of the similarities.
        scale: factor of the cosines that are the logits.
        logit_adjustment: class frequencies used as prior in the cross-entropy: of the training part
            (dataset), or none.
        hidden: width of the hidden layer of both projectors.
        embedding: length of the embedding.
    """

    class_counts: Tensor
    classifier: CosineClassifier

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        class_weight: NonNegativeFloat = 1.0,
        contrast_weight: NonNegativeFloat = 0.35,
        temperature: PositiveFloat = 0.07,
        scale: PositiveFloat = 30.0,
        logit_adjustment: Literal["dataset", "none"] = "dataset",
        hidden: PositiveInt = 512,
        embedding: PositiveInt = 128,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector(encoder.features, hidden, embedding)
        self.classifier = CosineClassifier(encoder.features, info.classes)
        self.prototype_projector = Projector(encoder.features, hidden, embedding)
        self.class_weight = class_weight
        self.contrast_weight = contrast_weight
        self.temperature = temperature
        self.scale = scale
        self.adjusted = logit_adjusted if logit_adjustment == "dataset" else cross_entropy
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, views=3),)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) scaled cosines, without logit adjustment."""
        return self._logits(self.encoder(images))

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Add the cross-entropy of the first view to the contrastive loss of the others."""
        features = self.encoder(batch.views.flatten(0, 1))
        classified, contrasted = features.split(
            [len(batch.labels), features.shape[0] - len(batch.labels)]
        )
        logits = self._logits(classified)
        cross = global_mean(self.adjusted(logits, batch.labels, self.class_counts))
        contrastive = global_mean(self._contrastive(contrasted, batch.labels))
        total = self.class_weight * cross + self.contrast_weight * contrastive
        return {"loss": total, "cross_entropy": cross, "contrastive": contrastive}

    def _contrastive(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the losses of all samples, of (V B, D) features and (B,) labels."""
        embeddings = self.projector(features)
        labels = labels.repeat(len(features) // len(labels))
        prototypes = self.prototype_projector(self.classifier.weight)
        classes = len(prototypes)
        of_classes = torch.arange(classes, device=labels.device)
        samples = gather_contrasts(embeddings, labels)
        return balanced_contrastive(
            embeddings,
            labels,
            with_prototypes(samples, prototypes, of_classes),
            classes=classes,
            temperature=self.temperature,
        )

    def _logits(self, features: Tensor) -> Tensor:
        return self.scale * self.classifier(features)  # type: ignore[no-any-return]
