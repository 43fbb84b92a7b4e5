"""The contract between a method and everything else."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from aduni.batch import Batch
from aduni.metrics.metric import Task

Part = Literal["train", "validation"]

CheckpointPath = Annotated[str, Field(min_length=1)]

ReadPart = Callable[[Part], Iterable[Batch]]
"""Gives a part's images as they are, once each, on the device of the method."""


@dataclass(frozen=True)
class DataInfo:
    """What a method may know of the data.

    Attributes:
        class_counts: (C,) images of each class in the training part.
        sampled_frequencies: (T, C) share of each class among the images that the run's sampler
            draws, a row an epoch.
        epochs: T, length of the run.
        task: whether the classes have an order.
    """

    class_counts: Tensor
    sampled_frequencies: Tensor
    epochs: int
    task: Task = "multiclass"

    @property
    def classes(self) -> int:
        """C."""
        return len(self.class_counts)


@dataclass(frozen=True)
class Stage:
    """One training of some of a method's parameters.

    Attributes:
        name: shown in history.csv and the progress bar.
        epochs: length; 0 runs `on_start` alone.
        loss: (batch, epoch) -> terms; `loss` is optimised, and every term is logged.
        views: augmentations of each image in a batch.
        trainable: names of the method's modules that learn; empty for all. The others lose their
            gradients and are held in eval mode, so that their batch-norm statistics stand still.
        sampler: of this stage; None for the run's.
        on_start: called before the first step, for example to reset a classifier, or to find one
            without steps; what it returns goes into metrics.json.
        next_from: weights that the next stage, or the test, starts from.
        validate: whether `forward` gives logits worth validating yet; if not, the last weights are
            handed over.
        loss_id: plain values that say what the loss minimises.
        init_from: checkpoint whose weights of the trainable modules replace this stage; it must be
            of a stage with the same, non-empty loss_id.
        min_per_class: images of each class that every batch must hold.
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


class Method(nn.Module):
    """A model together with the losses that train it.

    A subclass is built by `_target_` from its YAML with `encoder` and `info` handed down, and
    defines `stages` in the order in which they run.

    Attributes:
        encoder: (N, 3, H, W) images -> (N, D) features that predictions are made from.
    """

    encoder: nn.Module

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The trainings that make up the method."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) images, uint8 or 0..255 -> (N, C) logits."""


def share_of(epochs: int, share: float) -> int:
    """Length of a stage that takes a share of the run's epochs: at least 1, or 0 for share 0."""
    return max(round(epochs * share), 1) if share else 0
