"""What happens around epochs: history, checkpoints, progress, signals."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import RichProgressBar
from rich import get_console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from aduni.distributed.collectives import mean_over_ranks, world_size
from aduni.errors import UserError
from aduni.results.history_csv import read_history
from aduni.system.atomic_files import atomic_write, hard_link, write_csv
from aduni.system.signals import install_signal_handlers

log = logging.getLogger(__name__)


class History(Callback):
    """history.csv: a row an epoch, rewritten whole so that it is never cut.

    Args:
        path: of the file; rows of earlier stages are kept.
        stage: name in the first column.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self._path, self._stage = path, stage
        self._started = 0.0
        self._images = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A damaged file ends the run before an epoch is trained in vain."""
        if trainer.is_global_zero:
            read_history(self._path)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()
        self._images = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count images, not views."""
        self._images += len(batch.labels)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row; a resumed run replaces rows from its first epoch on."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        *means, images = mean_over_ranks([*values.values(), self._images])
        if not trainer.is_global_zero:
            return
        row = {"stage": self._stage, "epoch": trainer.current_epoch}
        row |= dict(zip(values, means, strict=True))
        row["images"] = round(images * world_size())
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        earlier = read_history(self._path)
        if len(earlier):
            replaced = (earlier["stage"] == self._stage) & (
                earlier["epoch"] >= trainer.current_epoch
            )
            earlier = earlier[~replaced]
        write_csv(pd.concat([earlier, pd.DataFrame([row])], ignore_index=True), self._path)


class InstallSignalHandlers(Callback):
    """Signals stop the run, and not by Lightning's way.

    That waits for the step's end, and in several processes for the others, which may be lost.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning has just taken the signals."""
        install_signal_handlers()


SHOWN_EVERY = 0.25  # seconds


class Progress(RichProgressBar):
    """The bar with few, short figures: they must fit into a line of 80 columns."""

    _shown = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A few times a second and at the epoch's end: to read the figures waits for the device."""
        now = time.perf_counter()
        if trainer.is_last_batch or now - self._shown >= SHOWN_EVERY:
            self._shown = now
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def configure_columns(self, trainer: Trainer) -> list[ProgressColumn]:
        """Epoch, bar, batches and the time that is left of the epoch."""
        return [
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        ]

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Loss, alpha where the method has one, and validation macro F1 once it is known."""
        values = trainer.callback_metrics | trainer.progress_bar_metrics
        shown = {"loss": "loss", "alpha": "alpha", "validation_macro_f1": "F1"}
        return {label: round(float(values[k]), 4) for k, label in shown.items() if k in values}


LEAST_LEFT = 10.0  # seconds; what ends sooner needs no estimate


class TimeLeft(Callback):
    """Says once a stage, after its first epoch in this process, when the run will be done.

    Args:
        later_epochs: of later stages, which are taken to be as slow as this one's.
    """

    def __init__(self, later_epochs: int) -> None:
        self._later_epochs = later_epochs
        self._started: float | None = None
        self._is_said = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is over and the checkpoint is written."""
        if self._is_said or self._started is None or not trainer.is_global_zero:
            return
        self._is_said = True
        assert trainer.max_epochs is not None
        epochs = trainer.max_epochs - trainer.current_epoch - 1 + self._later_epochs
        seconds = epochs * (time.perf_counter() - self._started)
        if seconds >= LEAST_LEFT:
            done = datetime.now().astimezone() + timedelta(seconds=seconds)
            sentence = time_left(seconds, done)
            log.info("%s", sentence)
            get_console().print(sentence, highlight=False)  # the progress bar's: it stays below


def time_left(seconds: float, done: datetime) -> str:
    """For example: about 12 min left, done at 14:32.

    Args:
        seconds: that are left.
        done: when they are over; its day is said where that is not today's.
    """
    if seconds < 60:
        length = f"{seconds:.0f} s"
    elif seconds < 5400:
        length = f"{seconds / 60:.0f} min"
    else:
        length = f"{seconds / 3600:.1f} h"
    is_today = (done - timedelta(seconds=seconds)).date() == done.date()
    return f"about {length} left, done at {done:{'%H:%M' if is_today else '%H:%M on %d %B'}}"


class Checkpoints(Callback):
    """last.ckpt after every epoch, best.ckpt after every epoch that beats all before it.

    What last.ckpt was before stays as previous.ckpt. Lightning's ModelCheckpoint knows no rule of
    two scores, and renews last.ckpt only when it renews the best.

    Args:
        folder: of the files.
        rule: `macro_f1`, or `accuracy_and_macro_f1`: an epoch is better only if both beat the best
            epoch's (the authors' code). Of equal epochs the earlier one stays. None: no best one.
    """

    def __init__(
        self, folder: Path, rule: Literal["macro_f1", "accuracy_and_macro_f1"] | None
    ) -> None:
        self._folder, self._rule = folder, rule
        self._deciding = ("macro_f1",) if rule == "macro_f1" else ("accuracy", "macro_f1")
        self._best = {"accuracy": -1.0, "macro_f1": -1.0}
        self._epoch = -1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is over. The newest checkpoint is whole at any moment: best comes first."""
        best, last = self._folder / "best.ckpt", self._folder / "last.ckpt"
        better = self._rule is not None and self._beats(trainer.callback_metrics)
        if better:
            self._epoch = trainer.current_epoch
        with self._previous_kept(last) if trainer.is_global_zero else nullcontext():
            trainer.save_checkpoint(best if better else last, weights_only=False)
            if better and trainer.is_global_zero:
                with atomic_write(last) as temporary:
                    hard_link(best, temporary)
        trainer.strategy.barrier("checkpoints")  # other ranks read them after the last epoch

    @contextmanager
    def _previous_kept(self, last: Path) -> Iterator[None]:
        """What last.ckpt is becomes previous.ckpt as soon as another one has taken its place."""
        if not last.exists():
            yield
            return
        with atomic_write(self._folder / "previous.ckpt") as former:
            hard_link(last, former)
            yield

    def _beats(self, metrics: Mapping[str, Any]) -> bool:
        """Whether the epoch is the best so far; it is remembered if so."""
        now = {score: float(metrics[f"validation_{score}"]) for score in self._best}
        better = all(now[score] > self._best[score] for score in self._deciding)
        if better:
            self._best = now
        return better

    def state_dict(self) -> dict[str, Any]:
        """The best epoch's scores, and its number: -1 before there is one."""
        return {"scores": self._best, "epoch": self._epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from them."""
        self._best, self._epoch = dict(state_dict["scores"]), int(state_dict["epoch"])


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints get their name only when they are complete."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write under a temporary name, then rename; UserError where the disk is full."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(Path(path)) as temporary:
            try:
                torch.save(checkpoint, temporary)  # Lightning's way takes four times as long
            except RuntimeError as error:
                if "inline_container" not in str(error):  # torch's writer of files
                    raise
                raise UserError(
                    f"{path} could not be written; free space there, and resume the run."
                ) from error
