"""The progress bar of an epoch, and the time that is left of the run."""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

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

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
MIN_ESTIMATE_SECONDS = 10.0  # what ends sooner needs no estimate


class Progress(RichProgressBar):
    """Progress bar with few, short values, which must fit into a line of 80 columns."""

    _refreshed = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Refresh once a second only, since reading values waits for the device."""
        now = time.perf_counter()
        if trainer.is_last_batch or now - self._refreshed >= REFRESH_SECONDS:
            self._refreshed = now
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def configure_columns(self, trainer: Trainer) -> list[ProgressColumn]:
        """Show the epoch, the bar, the batches and the time that is left of the epoch."""
        return [
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        ]

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the loss, alpha if there is one, and validation macro F1 once it is known."""
        values = trainer.callback_metrics | trainer.progress_bar_metrics
        labels = {"loss": "loss", "alpha": "alpha", "validation_macro_f1": "F1"}
        return {label: round(float(values[k]), 4) for k, label in labels.items() if k in values}


class TimeLeft(Callback):
    """Callback that says once a stage, after its first epoch, when the run will be done.

    Args:
        later_epochs: epochs of later stages, assumed to be as slow as this one's.
    """

    def __init__(self, later_epochs: int) -> None:
        self._later_epochs = later_epochs
        self._started: float | None = None
        self._is_said = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the estimate, once validation is over and the checkpoint is written."""
        if self._is_said or self._started is None or not trainer.is_global_zero:
            return
        self._is_said = True
        assert trainer.max_epochs is not None
        epochs = trainer.max_epochs - trainer.current_epoch - 1 + self._later_epochs
        seconds = epochs * (time.perf_counter() - self._started)
        if seconds >= MIN_ESTIMATE_SECONDS:
            done = datetime.now().astimezone() + timedelta(seconds=seconds)
            sentence = time_left(seconds, done)
            log.info("%s", sentence)
            get_console().print(sentence, highlight=False)  # the progress bar's: it stays below


def time_left(seconds: float, done: datetime) -> str:
    """Return a sentence like "about 12 min left, done at 14:32".

    Args:
        seconds: what is left.
        done: when it is over; the day is added if it is not today.
    """
    if seconds < 60:
        length = f"{seconds:.0f} s"
    elif seconds < 5400:
        length = f"{seconds / 60:.0f} min"
    else:
        length = f"{seconds / 3600:.1f} h"
    is_today = (done - timedelta(seconds=seconds)).date() == done.date()
    return f"about {length} left, done at {done:{'%H:%M' if is_today else '%H:%M on %d %B'}}"
