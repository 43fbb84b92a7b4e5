"""The LightningModule that trains, schedules and logs one stage of any method."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from aduni.batch import Batch
from aduni.distributed.collectives import divided_batch, seed_torch
from aduni.errors import UserError
from aduni.methods.base import Method, Stage, encoder_of
from aduni.schedules import RateSchedule, learning_rate
from aduni.training.optimizers import split_by_rate

log = logging.getLogger(__name__)

REMEDY = (
    "lower lr, or use a longer warm-up (warmup_epochs); the checkpoints of earlier epochs are kept"
)


@dataclass(frozen=True)
class Optimisation:
    """The optimizer and the schedule of its learning rate.

    Attributes:
        optimizer: (names and parameters, learning rate) -> optimizer.
        lr: learning rate after the warm-up.
        lr_min: learning rate of the last epoch.
        warmup_epochs: warm-up epochs of a 400-epoch run.
        lr_schedule: start of the cosine.
    """

    optimizer: Callable[[list[tuple[str, Parameter]], float], Optimizer]
    lr: float
    lr_min: float
    warmup_epochs: int
    lr_schedule: RateSchedule = "cosine"


class StageModule(LightningModule):
    """LightningModule that trains one stage of a method.

    Args:
        method: the model and its losses; shared by the StageModules of all its stages.
        stage: what is trained, and how.
        optimisation: optimizer and schedule of the learning rate.
        classes: C.
        entropy: seed of the run and number of the stage, from which random numbers follow.
        stored: plain values that go into every checkpoint under `aduni`.
        free: names of the parameters that may learn at all (see `learnable`).
    """

    def __init__(
        self,
        method: Method,
        stage: Stage,
        optimisation: Optimisation,
        classes: int,
        entropy: tuple[int, int],
        stored: dict[str, Any],
        free: frozenset[str],
    ) -> None:
        super().__init__()
        self.method = method
        self._entropy = entropy
        self._stage, self._optimisation, self._stored = stage, optimisation, stored
        self._frozen = _freeze(method, stage.trainable, free)
        self._moving = _batch_norms(method, stage.moving_statistics)
        # Checking the labels of every batch would wait for the device.
        options: dict[str, Any] = {"num_classes": classes, "validate_args": False}
        self.scores = MetricCollection(
            {
                "validation_accuracy": MulticlassAccuracy(average="micro", **options),
                "validation_macro_f1": MulticlassF1Score(average="macro", **options),
            }
        )
        self._bad_step = torch.tensor(-1)  # first step whose loss is not finite; -1 if none
        self._bad_outputs = torch.tensor(0)  # outputs of a validation pass that are not finite
        self._rows: list[Tensor] = []  # rows of the image table, by step of this epoch

    def train(self, mode: bool = True) -> "StageModule":
        """Set the mode; frozen modules stay in eval mode, to keep their batch-norm statistics.

        The batch norms of modules in the stage's `moving_statistics` follow the mode.
        """
        super().train(mode)
        for module in self._frozen:
            module.eval()
        for norm in self._moving:
            norm.train(mode)
        return self

    def on_train_start(self) -> None:
        """Set train mode, since Lightning leaves every module in the mode that it finds."""
        self.train()

    def configure_optimizers(self) -> Optimizer:
        """Return the optimizer of the parameters that are trained."""
        settings = self._optimisation
        named = [(name, values) for name, values in self.named_parameters() if values.requires_grad]
        optimizer = settings.optimizer(named, settings.lr)
        if factors := self._rate_factors():
            split_by_rate(optimizer, factors)
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Set random numbers and learning rate, which depend on the epoch alone, resumed or not."""
        seed_torch(*self._entropy, self.current_epoch)
        self._rows.clear()
        settings = self._optimisation
        lr = learning_rate(
            self.current_epoch,
            self._stage.epochs,
            start=settings.lr,
            end=settings.lr_min,
            warmup_epochs=settings.warmup_epochs,
            schedule=settings.lr_schedule,
        )
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = lr * group.get("lr_factor", 1.0)
        self.log("lr", lr)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the stage's loss, and log its terms, averaged over the epoch's batches."""
        with divided_batch(batch.total):
            terms = self._stage.loss(batch, self.current_epoch)
        values = {name: value.detach() for name, value in terms.items()}
        size = len(batch.labels)
        # Not reduced over ranks: the progress bar reads the values on rank 0 alone, which would
        # wait for the others for ever.
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True, batch_size=size)
        self._rows.append(batch.indices)
        self._note_bad_step(terms["loss"], batch_idx)
        return terms["loss"]

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Check the loss; on a GPU only at the end of the epoch, since the check waits for it."""
        if self.device.type == "cpu" or self.trainer.is_last_batch:
            self._stop_if_bad()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the scores that select the epoch; metrics.json is computed from predictions.csv.

        They are computed as in the test: without mixed precision.
        """
        with torch.autocast(self.device.type, enabled=False):
            logits = self.method(batch.views[0])
        bad = (~torch.isfinite(logits)).sum()
        self._bad_outputs = self._bad_outputs.to(bad, non_blocking=True) + bad
        self.scores.update(logits, batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the part that selects the checkpoint, which is written afterwards."""
        if self._bad_outputs:  # the last step can spoil the weights without a loss to show it
            place = self._log_images(len(self._rows) - 1)
            raise UserError(f"The outputs are no longer finite after {place}; {REMEDY}.")
        self.log_dict(self.scores.compute())
        self.scores.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add plain values; checkpoints are loaded with weights_only=True."""
        stage = {"stage": self._stage.name, "objective": dict(self._stage.loss_id)}
        checkpoint["aduni"] = {**self._stored, **stage}

    def _rate_factors(self) -> dict[Parameter, float]:
        """Return the learning rates that differ from the stage's, as shares of it."""
        encoder = encoder_of(self.method)
        factors = dict(encoder.rate_factors()) if encoder else {}
        for name, factor in self._stage.rate_factors.items():
            for parameter in self.method.get_submodule(name).parameters():
                factors[parameter] = factor * factors.get(parameter, 1.0)
        return factors

    def _note_bad_step(self, loss: Tensor, step: int) -> None:
        # No .item(): it would stall the device in every step.
        bad = torch.where(torch.isfinite(loss.detach()), -1, step)
        earlier = self._bad_step.to(bad, non_blocking=True)
        self._bad_step = torch.where(earlier < 0, bad, earlier)

    def _stop_if_bad(self) -> None:
        step = int(self._bad_step)
        if step >= 0:
            place = self._log_images(step)
            raise UserError(f"The loss is no longer finite in {place}; {REMEDY}.")

    def _log_images(self, step: int) -> str:
        """Log the images of a step, one of which may be the cause; return its place from 1."""
        images = self.trainer.datamodule.data.table.images  # type: ignore[attr-defined]  # by the trainer
        names = ", ".join(repr(images[row]) for row in self._rows[step].tolist())
        place = f"epoch {self.current_epoch + 1}, step {step + 1}"
        log.error("Images of %s: %s", place, names)
        return place


def learnable(method: Method) -> frozenset[str]:
    """Return the names of the parameters that may be trained: those outside of momentum copies."""
    return frozenset(name for name, values in method.named_parameters() if values.requires_grad)


def _freeze(
    method: Method, trainable: tuple[str, ...], free: frozenset[str]
) -> list[torch.nn.Module]:
    """Freeze all modules but the named ones, and return the frozen ones.

    Raises:
        ValueError: the method has no such module.
    """
    modules = dict(method.named_children())
    unknown = set(trainable) - set(modules)
    if unknown:
        raise ValueError(f"{type(method).__name__} has no module {', '.join(sorted(unknown))}.")
    for name, values in method.named_parameters():
        learns = not trainable or name.split(".")[0] in trainable
        values.requires_grad_(learns and name in free)
    return [module for name, module in modules.items() if trainable and name not in trainable]


def _batch_norms(method: Method, names: tuple[str, ...]) -> list[torch.nn.Module]:
    """Return the batch norms of the named modules."""
    parts = (part for name in names for part in method.get_submodule(name).modules())
    return [part for part in parts if isinstance(part, _BatchNorm)]
