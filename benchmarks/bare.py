"""The bare model: what a framework around it cannot be faster than."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from aduni.methods.aduni import AdUni
from aduni.models.encoder import Encoder

TINY_RATE = 1e-6
"""Learning rate of bare steps: the same batch again and again must not make weights overflow."""


class BareTraining:
    """Forward, backward and optimiser step of encoder and heads on one batch, over and over.

    The images are normalised floats, already where the model is; the loss is cross-entropy plus
    the mean of the embeddings, so that all parameters learn.

    Args:
        method: copied, in the memory format that it has.
        optimiser: another one of the same kind steps.
        views: (V, B, 3, H, W) as they reach the method.
        labels: (B,).
        context: entered around forward and loss, for mixed precision.
    """

    def __init__(
        self,
        method: AdUni,
        optimiser: Optimizer,
        views: Tensor,
        labels: Tensor,
        context: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        model = copy.deepcopy(method).train()
        self._encoder = cast(Encoder, model.encoder)
        self._projector, self._classifier = model.projector, model.classifier
        parameters = [values for values in model.parameters() if values.requires_grad]
        kind = cast(Any, type(optimiser))
        self.optimiser: Optimizer = kind(parameters, **{**optimiser.defaults, "lr": TINY_RATE})
        self._labels = labels.repeat(len(views))
        self._context = context
        with context():
            self._images = self._encoder.normalised(views.flatten(0, 1))

    def step(self) -> None:
        """One step."""
        self.optimiser.zero_grad()
        with self._context():
            features = self._encoder.backbone(self._images)
            loss = functional.cross_entropy(self._classifier(features), self._labels)
            loss = loss + self._projector(features).mean()
        loss.backward()
        self.optimiser.step()


def bare_forward(method: AdUni, images: Tensor) -> Tensor:
    """(N, C) logits of normalised images."""
    logits: Tensor = method.classifier(cast(Encoder, method.encoder).backbone(images))
    return logits
