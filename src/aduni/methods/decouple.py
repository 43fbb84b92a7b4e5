"""Decouple: a representation under cross-entropy, then one of four classifiers (Kang et al. 2020).

All four are a linear layer and a factor per class (1 but for LWS), so predictions are made alike.
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
    """Softmax stage, then a balanced classifier on the frozen encoder.

    Args:
        classifier: `crt` trains a new one on class-balanced batches; `lws` trains a factor per
            class on the same batches; `tau_norm` divides each class's weights by their norm to the
            power of tau and drops the bias; `ncm` compares with the mean training feature of each
            class by cosine. The last two take no steps.
        classifier_sampler: sampler of `crt` and `lws`.
        reinitialise: whether `crt` starts from a new classifier instead of the first stage's.
        tau_grid: values of tau from which `tau_norm` selects by macro F1 on the validation part.
        two_stage: arguments of `TwoStage`.
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
        **two_stage: Any,
    ) -> None:
        super().__init__(encoder, info, **two_stage)
        self.scale = ClassScale(info.classes)
        self.kind = classifier
        self.classifier_sampler = classifier_sampler
        self.reinitialise = reinitialise
        self.tau_grid = tau_grid
        if classifier == "crt" and reinitialise:
            self.check_classifier_epochs()

    def classifier_stage(self) -> Stage:
        """Return the stage that trains or computes the chosen kind of classifier."""
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
        """Compute plain cross-entropy, whatever the loss of the first stage."""
        logits = self._logits(batch.views.flatten(0, 1))
        return {"loss": global_mean(cross_entropy(logits, batch.labels, self.class_counts))}

    @torch.no_grad()
    def tau_norm(self, read: ReadPart) -> dict[str, Any]:
        """Set the class weights to w_c / ||w_c||^tau, with the best tau, and the bias to 0.

        Of several taus with the best macro F1, the smallest is selected.
        """
        features, labels = self.collect_features(read("validation"))
        linear = self.classifier.linear
        norms = linear.weight.norm(dim=1, keepdim=True)
        scores, classes = {}, range(len(norms))
        for tau in sorted(self.tau_grid):
            predicted = (features @ (linear.weight / norms**tau).T).argmax(dim=1)
            scores[tau] = f1_score(
                labels.cpu().numpy(), predicted.cpu().numpy(), labels=classes, average="macro"
            )
        tau = max(scores, key=lambda candidate: scores[candidate])
        linear.weight.div_(norms**tau)
        linear.bias.zero_()
        return {"tau": tau}

    @torch.no_grad()
    def ncm(self, read: ReadPart) -> dict[str, Any]:
        """Set the class weights to unit class means: logits are cosines times the feature norm."""
        features, labels = self.collect_features(read("train"))
        linear = self.classifier.linear
        means = torch.zeros_like(linear.weight).index_add_(0, labels, features)
        linear.weight.copy_(functional.normalize(means, dim=1))
        linear.bias.zero_()
        return {}
