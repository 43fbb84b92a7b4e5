"""ECL: several proxies for rare classes, and class weights by curriculum (Zhang et al. 2023)."""

from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from aduni.batch import Batch
from aduni.distributed.collectives import gather, global_mean, world_size
from aduni.errors import UserError
from aduni.losses.balanced_contrast import balanced_contrastive, with_prototypes
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo, Method, Stage, gather_contrasts
from aduni.models.encoder import Encoder
from aduni.models.heads import Classifier, Projector
from aduni.models.memory import ClassF1

Share = Annotated[float, Field(ge=0, le=1)]


class ECL(Method):
    """Cross-entropy with class weights that change, and a contrastive loss with class proxies.

    Proxies are learned vectors, contrasts and anchors: one of the most frequent class, and more of
    a class the rarer it is. The weights first stay at one, then grow to inverse frequencies, then
    from one to the inverse F1 of each class in the training batches of the epoch before.

    Args:
        class_weight: factor of the cross-entropy.
        contrast_weight: factor of the contrastive loss.
        temperature: temperature of the similarities.
        plain_until: share of the epochs without class weights.
        frequency_until: share of the epochs at which weights by frequency end.
        f1_floor: lowest F1 that a weight is computed from.
        hidden: width of the projector's hidden layer.
        embedding: length of the embedding.
        dropout: dropout rate before the classifier.
    """

    class_counts: Tensor
    proxy_labels: Tensor

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        class_weight: NonNegativeFloat = 2.0,
        contrast_weight: NonNegativeFloat = 1.0,
        temperature: PositiveFloat = 0.1,
        plain_until: Share = 0.2,
        frequency_until: Share = 0.5,
        f1_floor: Annotated[float, Field(gt=0, le=1)] = 0.05,
        hidden: PositiveInt = 512,
        embedding: PositiveInt = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    ) -> None:
        super().__init__()
        if plain_until > frequency_until:
            raise UserError(
                f"method.plain_until={plain_until} is after method.frequency_until="
                f"{frequency_until}; give an earlier share of the epochs, or the same."
            )
        self.encoder = encoder
        self.projector = Projector(encoder.features, hidden, embedding)
        self.classifier = Classifier(encoder.features, info.classes, dropout)
        per_class = proxies_per_class(info.class_counts)
        self.proxies = nn.Embedding(int(per_class.sum()), embedding)
        nn.init.xavier_uniform_(self.proxies.weight)
        self.f1 = ClassF1(info.classes)
        self.class_weight, self.contrast_weight = class_weight, contrast_weight
        self.temperature = temperature
        self.plain_until, self.frequency_until = plain_until, frequency_until
        self.f1_floor = f1_floor
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)
        labels = torch.arange(info.classes).repeat_interleave(per_class)
        self.register_buffer("proxy_labels", labels)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss, views=2),)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Add the weighted cross-entropy of the first view to the contrastive loss of both."""
        features = self.encoder(batch.views.flatten(0, 1))
        logits = self.classifier(features[: len(batch.labels)])
        weights = self.weights(epoch)[batch.labels]
        self._count(logits, batch.labels)
        losses = cross_entropy(logits, batch.labels, self.class_counts)
        cross = global_mean(losses, weights)
        contrastive = self._contrastive(features, batch.labels.repeat(len(batch.views)))
        total = self.class_weight * cross + self.contrast_weight * contrastive
        return {"loss": total, "cross_entropy": cross, "contrastive": contrastive}

    def weights(self, epoch: int) -> Tensor:
        """Return (C,) class weights of an epoch."""
        f1 = self.f1.begin(epoch).clamp(min=self.f1_floor)
        number = epoch + 1  # the release counts from 1
        first, second = self.plain_until * self.epochs, self.frequency_until * self.epochs
        if number <= first:
            return torch.ones_like(f1)
        if number <= second:
            return _to_power(1 / self.class_counts, (number - first) / (second - first))
        return _to_power(1 / f1, (number - second) / (self.epochs - second))

    def _contrastive(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over samples and proxies, each compared with all others."""
        embeddings = self.projector(features)
        proxies = functional.normalize(self.proxies.weight, dim=1)
        samples = gather_contrasts(embeddings, labels)
        contrasts = with_prototypes(samples, proxies, self.proxy_labels)
        rows = torch.arange(len(proxies), device=labels.device) + len(samples.labels)
        contrasts = contrasts._replace(own=torch.cat([samples.own, rows]))
        anchors = torch.cat([embeddings, proxies.to(embeddings)])
        labels = torch.cat([labels, self.proxy_labels])
        classes = len(self.class_counts)
        losses = balanced_contrastive(
            anchors, labels, contrasts, classes=classes, temperature=self.temperature
        )
        of_class = contrasts.labels == torch.arange(classes, device=labels.device)[:, None]
        paired = (of_class.sum(dim=1) > 1)[labels].to(losses)
        # Every process has all proxies as anchors, which count once.
        paired[len(embeddings) :] /= world_size()
        return global_mean(losses, paired)

    def _count(self, logits: Tensor, labels: Tensor) -> None:
        pairs = gather(torch.stack([logits.detach().argmax(dim=1), labels], dim=1))
        self.f1.add(pairs[:, 0], pairs[:, 1])


def proxies_per_class(class_counts: Tensor) -> Tensor:
    """Return (C,) numbers of proxies: 1 at the largest count, else floor(n_max / n_c / 10) + 2.

    Source: `get_proxies_num` of the released code.
    """
    counts = class_counts.double()
    number = (counts.max() / counts.clamp(min=1) / 10).floor().long() + 2
    return torch.where(counts == counts.max(), 1, number)


def _to_power(weights: Tensor, power: float) -> Tensor:
    """Return the weights, scaled to the sum C, to a power."""
    scaled: Tensor = (weights * len(weights) / weights.sum()) ** power
    return scaled
