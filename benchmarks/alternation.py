"""Bare steps between the epochs of a real training, so that a busy machine slows both."""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from statistics import harmonic_mean
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.nn import functional
from torch.optim import Optimizer

from aduni.batch import Batch
from aduni.methods.aduni import AdUni
from aduni.models.encoder import Encoder
from benchmarks.measure import timed, wall_clock

TINY_RATE = 1e-6
"""Learning rate of bare steps: the same batch again and again must not make weights overflow."""


class Alternation(Callback):
    """Time whole epochs, and bare steps after each of them.

    An epoch's time is from the end of the bare steps before it to the beginning of those after
    it, without the validation pass: fetching, logging, metrics, history, checkpoints are in it.
    The first epoch warms up and is left out.
    """

    def __init__(self, bare_steps: int) -> None:
        self.epochs: list[float] = []  # images (not views) a second of each epoch
        self.seconds: list[float] = []  # of each epoch, validation included
        self.validation: list[float] = []  # seconds of each validation pass
        self.bare: list[float] = []  # images a second of bare steps, also after the warm-up
        self._bare_steps = bare_steps
        self._step: Callable[[], None] | None = None
        self._images = 0
        self._validation = self._started = 0.0

    @property
    def bare_around(self) -> list[float]:
        """Images a second of the bare steps before and after each epoch, taken together."""
        return [harmonic_mean(pair) for pair in pairwise(self.bare)]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count images, and keep a batch for the bare steps."""
        self._images += len(batch.labels)
        self._batch: Batch = batch

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation -= wall_clock()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation += wall_clock()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End an epoch; what comes after this callback is part of the next epoch's time."""
        seconds = wall_clock() - self._started
        if trainer.current_epoch > 0:
            self.epochs.append(self._images / (seconds - self._validation))
            self.seconds.append(seconds)
            self.validation.append(self._validation)
        self.bare.append(self._bare_rate(trainer, pl_module))
        self._images, self._validation, self._started = 0, 0.0, wall_clock()

    def _bare_rate(self, trainer: Trainer, module: LightningModule) -> float:
        if self._step is None:
            context = trainer.precision_plugin.train_step_context
            method = cast(AdUni, module.method)
            self._step = bare_step(method, trainer.optimizers[0], self._batch, context)
            self._step()  # the first one plans its convolutions
        step = self._step
        seconds = timed(lambda: [step() for _ in range(self._bare_steps)], wall_clock)
        return self._bare_steps * len(self._batch.labels) / seconds


def bare_step(
    method: AdUni,
    optimiser: Optimizer,
    batch: Batch,
    context: Callable[[], AbstractContextManager[Any]],
) -> Callable[[], None]:
    """Return a step of copies of encoder, heads and optimiser, which no framework can undercut.

    It takes the same images, normalised here, again and again. The loss is cross-entropy plus the
    mean of the embeddings, so that all parameters learn; `context` is entered around it.
    """
    model, optimiser = copy.deepcopy((method, optimiser))
    model.train()
    for group in optimiser.param_groups:
        group["lr"] = TINY_RATE
    encoder, labels = cast(Encoder, model.encoder), batch.labels.repeat(len(batch.views))
    with context():
        images = encoder.normalised(batch.views.flatten(0, 1))

    def step() -> None:
        optimiser.zero_grad()
        with context():
            features = encoder.backbone(images)
            loss = functional.cross_entropy(model.classifier(features), labels)
            loss = loss + model.projector(features).mean()
        loss.backward()
        optimiser.step()

    return step
