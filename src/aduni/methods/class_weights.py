"""Class weights that multiply the losses of a batch, from the first or a later epoch on."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from aduni.distributed.collectives import global_mean
from aduni.losses.weights import ClassWeightFunction
from aduni.methods.base import DataInfo


class ClassWeights:
    """How a method weights the losses of the classes, as a node of conf/class_weights describes it.

    Args:
        weights: function from (C,) training counts to (C,) weights; None for no weights.
        deferred: share of the epochs before the weights begin, 0 for none (deferred re-weighting,
            Cao et al. 2019, algorithm 1).
        divide_by: what the sum over a batch is divided by: the sum of its weights, as in torch's
            `CrossEntropyLoss(weight=)`, so that the scale of the weights has no effect; or the
            number of its images, so that it has.
    """

    def __init__(
        self,
        weights: ClassWeightFunction | None = None,
        *,
        deferred: Annotated[float, Field(ge=0, le=1)] = 0.0,
        divide_by: Literal["weights", "images"] = "weights",
    ) -> None:
        self.weights = weights
        self.deferred = deferred
        self.divide_by = divide_by

    @property
    def loss_id(self) -> dict[str, Any]:
        """Plain values that tell weights apart; empty without weights."""
        if self.weights is None:
            return {}
        function = getattr(self.weights, "func", self.weights)
        options = getattr(self.weights, "keywords", {})
        own = {"deferred": self.deferred, "divide_by": self.divide_by}
        return {"class_weights": function.__qualname__, **options, **own}

    def first_epoch(self, epochs: int) -> int:
        """Return the first of so many epochs that is weighted."""
        return math.ceil(self.deferred * epochs - 1e-9)  # 0.55 * 20 is a little above 11


class WeightedMean(nn.Module):
    """Mean of a batch's losses over all processes, with class weights from an epoch on."""

    weights: Tensor | None

    def __init__(self, class_weights: ClassWeights | None, info: DataInfo) -> None:
        super().__init__()
        given = class_weights or ClassWeights()
        self.begins = given.first_epoch(info.epochs)
        self.divide_by = given.divide_by
        values = None if given.weights is None else given.weights(info.class_counts)
        # Not in checkpoints: they follow from the counts.
        self.register_buffer("weights", values, persistent=False)

    def forward(
        self, losses: Tensor, labels: Tensor, epoch: int, counts: Tensor | None = None
    ) -> Tensor:
        """Return this process's part of the mean of the losses.

        Args:
            losses: (N,) losses of the images.
            labels: (N,) class numbers.
            epoch: of the training, from 0.
            counts: (N,) numbers of times that each image counts; None for once each.
        """
        if self.weights is None or epoch < self.begins:
            return global_mean(losses, counts)
        weights = self.weights[labels]
        if self.divide_by == "images":
            return global_mean(losses * weights, counts)
        return global_mean(losses, weights if counts is None else weights * counts)
