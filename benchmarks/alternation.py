"""Bare steps between the epochs of a real training, so that a busy machine slows both."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.batch import Batch
from aduni.methods.aduni import AdUni
from benchmarks.bare import BareTraining
from benchmarks.measure import CPU, WALL, wait_for


@dataclass(frozen=True)
class Passed:
    """What some work took.

    Attributes:
        images: that went through, not views.
        wall: seconds.
        cpu: seconds of this process, all its threads; loader processes are not in it.
        validation: wall seconds of the validation pass, which is in neither of the others.
    """

    images: int
    wall: float
    cpu: float
    validation: float = 0.0


class Alternation(Callback):
    """Times whole epochs, and bare steps after each of them.

    An epoch's time is from the end of the bare steps before it to the beginning of those after
    it, without the validation pass: fetching, logging, metrics, history, checkpoints are in it.
    The first epoch warms up and is left out.

    Args:
        bare_steps: after every epoch; 0 for none.
    """

    def __init__(self, bare_steps: int) -> None:
        self.epochs: list[Passed] = []
        self.bare: list[Passed] = []
        self._bare_steps = bare_steps
        self._batch: Batch | None = None
        self._training: BareTraining | None = None
        self._started = self._validated = (0.0, 0.0)
        self._images = 0
        self._validation = (0.0, 0.0)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the first batch for the bare steps."""
        if self._batch is None:
            self._batch = Batch(*(values.clone() for values in batch))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count images."""
        self._images += len(batch.labels)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._validated = _now(pl_module.device)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start it again."""
        self._validation = _since(self._validated, pl_module.device)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The rest of the epoch's end, after this callback, is part of the next epoch's time."""
        wall, cpu = _since(self._started, pl_module.device)
        if trainer.current_epoch > 0:
            apart = self._validation
            self.epochs.append(Passed(self._images, wall - apart[0], cpu - apart[1], apart[0]))
        if self._bare_steps:
            self.bare.append(self._steps(trainer, pl_module))
        self._images = 0
        self._validation = (0.0, 0.0)
        self._started = _now(pl_module.device)

    def _steps(self, trainer: Trainer, learner: LightningModule) -> Passed:
        assert self._batch is not None
        if self._training is None:
            self._training = BareTraining(
                cast(AdUni, learner.method),
                trainer.optimizers[0],
                self._batch.views,
                self._batch.labels,
                trainer.precision_plugin.train_step_context,
            )
            self._training.step()  # the first one plans its convolutions
        start = _now(learner.device)
        for _ in range(self._bare_steps):
            self._training.step()
        wall, cpu = _since(start, learner.device)
        return Passed(self._bare_steps * len(self._batch.labels), wall, cpu)


def neighbours(bare: Sequence[Passed]) -> list[Passed]:
    """Bare steps before and after an epoch, added: k + 1 measurements around k epochs."""
    return [
        Passed(one.images + two.images, one.wall + two.wall, one.cpu + two.cpu)
        for one, two in pairwise(bare)
    ]


def _now(device: torch.device) -> tuple[float, float]:
    wait_for(device)
    return WALL(), CPU()


def _since(start: tuple[float, float], device: torch.device) -> tuple[float, float]:
    wall, cpu = _now(device)
    return wall - start[0], cpu - start[1]
