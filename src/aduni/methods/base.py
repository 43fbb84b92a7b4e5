"""Base class of all methods, and the types that they exchange with data and trainer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from aduni.batch import Batch
from aduni.distributed.collectives import gather, rank, row_counts
from aduni.losses.contrastive import Contrasts
from aduni.metrics.metric import Task
from aduni.models.encoder import Encoder

Part = Literal["train", "validation"]

CheckpointPath = Annotated[str, Field(min_length=1)]

ReadPart = Callable[[Part], Iterable[Batch]]
"""Function that yields each image of a part once, not augmented, on the method's device."""


@dataclass(frozen=True)
class DataInfo:
    """Facts about the data that a method is built from.

    Attributes:
        class_counts: (C,) images of each class in the training part.
        sampled_frequencies: (T, C) share of each class among the images that the run's sampler
            draws, one row per epoch.
        epochs: T, length of the run.
        task: whether the classes have an order.
    """

    class_counts: Tensor
    sampled_frequencies: Tensor
    epochs: int
    task: Task = "multiclass"

    @property
    def classes(self) -> int:
        return len(self.class_counts)


@dataclass(frozen=True)
class Stage:
    """One training stage of some of a method's modules.

    Attributes:
        name: name in history.csv and the progress bar.
        epochs: length; 0 runs `on_start` only.
        loss: function (batch, epoch) -> terms; the term `loss` is minimised, all are logged.
        views: augmentations of each image in a batch.
        trainable: names of the method's modules that are trained; empty for all. The others have
            no gradients and are kept in eval mode, so that their batch-norm statistics stay fixed.
        sampler: sampler of this stage; None for the sampler of the run.
        on_start: function called before the first step, for example to reset a classifier or to
            compute one without steps; its result, JSON values, is written to metrics.json. A
            resumed stage does not call it again.
        next_from: weights that the next stage, or the test, starts from.
        validate: whether `forward` gives meaningful logits in this stage; if not, the last weights
            are used.
        loss_id: plain values that identify the loss that is minimised.
        init_from: checkpoint that provides the weights of the trainable modules instead of
            training; it must come from a stage with the same, non-empty loss_id.
        min_per_class: least number of images of each class in every batch.
        rate_factors: learning rate of some modules, as a share of that of the stage.
        moving_statistics: names of modules that are not trained, but whose batch norms normalise
            by this stage's batches and update their running statistics.
        balanced_partners: whether as many images, drawn from the training part with equal
            probabilities of the classes, follow those of each batch (see `methods.mixing`).
    """

    name: str
    epochs: int
    loss: Callable[[Batch, int], dict[str, Tensor]]
    views: int = 1
    trainable: tuple[str, ...] = ()
    sampler: Any = None
    on_start: Callable[[ReadPart], dict[str, Any]] | None = None
    next_from: Literal["best", "last"] = "best"
    validate: bool = True
    loss_id: Mapping[str, Any] = field(default_factory=dict)
    init_from: str | None = None
    min_per_class: int = 0
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    moving_statistics: tuple[str, ...] = ()
    balanced_partners: bool = False


class Method(nn.Module, ABC):
    """Base class of methods: a model together with the losses that train it.

    A subclass is built from its YAML by `_target_`, which passes `encoder` and `info`, and defines
    its `stages` in the order in which they run.

    Attributes:
        encoder: module from (N, 3, H, W) images to (N, D) features, used for predictions.
        classifier: module from features to (N, C) logits.
        takes_class_weights: whether class weights of a run multiply its losses.
        needs_grades: whether its classes must have an order.
    """

    takes_class_weights = False
    needs_grades = False
    encoder: nn.Module
    classifier: nn.Module

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Stages of training, in the order in which they run."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images, uint8 or floats in 0..255, to (N, C) logits."""
        logits: Tensor = self.classifier(self.encoder(images))
        return logits


def encoder_of(method: Method) -> Encoder | None:
    """Return the `Encoder` of a method; None if it has none, or a module of another class."""
    encoder = getattr(method, "encoder", None)
    return encoder if isinstance(encoder, Encoder) else None


def stage_epochs(epochs: int, share: float) -> int:
    """Return a share of the run's epochs, rounded: at least 1, or 0 for share 0."""
    return max(round(epochs * share), 1) if share else 0


def gather_contrasts(embeddings: Tensor, labels: Tensor) -> Contrasts:
    """Gather the samples of all ranks, with gradients, and locate those of this rank among them."""
    before = sum(row_counts(labels)[: rank()])
    own = before + torch.arange(len(labels), device=labels.device)
    return Contrasts(gather(embeddings), gather(labels), own)
