"""Decouple: a representation under cross-entropy, then one of four classifiers (Kang et al. 2020).

All four end as a linear layer, with a factor per class for LWS; prediction has one path.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo, ReadPart, Stage
from aduni.methods.two_stage import TwoStage
from aduni.models.encoder import Encoder
from aduni.models.heads import ClassScale

TauGrid = Annotated[Sequence[NonNegativeFloat], Field(min_length=1)]


class Decouple(TwoStage):
    """Stage 1: cross-entropy. Stage 2: a classifier on the frozen encoder.

    Args:
        encoder: the encoder.
        info: class counts, epochs of the first stage.
        classifier: `crt` learns a new one on class-balanced batches; `lws` learns a factor per
            class on the same batches; `tau_norm` divides each class's weights by their norm to the
            power of tau and drops the bias; `ncm` takes the class's mean feature of the training
            part, compared by cosine. The last two take no steps.
        classifier_sampler: of `crt` and `lws`.
        reinitialise: whether `crt` forgets the first classifier.
        tau_grid: values that `tau_norm` tries on the validation part, by macro F1.
        retrained: arguments of `TwoStage`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        classifier: Literal["crt", "lws", "tau_norm", "ncm"] = "crt",
        classifier_sampler: Any = None,
        reinitialise: bool = True,
        tau_grid: TauGrid = (0.0, 0.5, 1.0),
        **retrained: Any,
    ) -> None:
        super().__init__(encoder, info, **retrained)
        self.scale = ClassScale(info.classes)
        self.kind = classifier
        self.classifier_sampler = classifier_sampler
        self.reinitialise = reinitialise
        self.tau_grid = tau_grid
        if classifier == "crt" and reinitialise:
            self.check_steps()

    def classifier_stage(self) -> Stage:
        """Of the chosen kind."""
        epochs, sampler = self.classifier_epochs, self.classifier_sampler
        name, loss = "classifier", self.classifier_loss
        if self.kind == "crt":
            on_start = self.reset_classifier if self.reinitialise else None
            return Stage(
                name, epochs, loss, trainable=("classifier",), sampler=sampler, on_start=on_start
            )
        if self.kind == "lws":
            return Stage(name, epochs, loss, trainable=("scale",), sampler=sampler)
        return Stage(name, 0, loss, on_start=self.tau_norm if self.kind == "tau_norm" else self.ncm)

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.scale(super()._logits(images))
        return logits

    def classifier_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Plain cross-entropy, whatever the first stage had."""
        logits = self._logits(batch.views.flatten(0, 1))
        return {"loss": global_mean(cross_entropy(logits, batch.labels, self.class_counts))}

    @torch.no_grad()
    def tau_norm(self, read: ReadPart) -> dict[str, Any]:
        """w_c / ||w_c||^tau without bias; of equally good taus the smallest."""
        features, labels = self.collect_features(read("validation"))
        linear = self.classifier.linear
        norms = linear.weight.norm(dim=1, keepdim=True)
        scores, classes = {}, range(len(norms))
        for tau in sorted(self.tau_grid):
            guesses = (features @ (linear.weight / norms**tau).T).argmax(dim=1)
            scores[tau] = f1_score(labels.cpu(), guesses.cpu(), labels=classes, average="macro")
        tau = max(scores, key=lambda each: scores[each])
        linear.weight.div_(norms**tau)
        linear.bias.zero_()
        return {"tau": tau}

    @torch.no_grad()
    def ncm(self, read: ReadPart) -> dict[str, Any]:
        """Unit class means as weights: an image's logits are its cosines times its norm."""
        features, labels = self.collect_features(read("train"))
        linear = self.classifier.linear
        means = torch.zeros_like(linear.weight).index_add_(0, labels, features)
        linear.weight.copy_(functional.normalize(means, dim=1))
        linear.bias.zero_()
        return {}
