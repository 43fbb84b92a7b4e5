"""The progress bar of an epoch, for terminals."""

import time
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import RichProgressBar
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from aduni.training.callbacks.checkpoints import Checkpoints

REFRESH_SECONDS = 1.0
SHORT = {"validation": "val", "test": "test"}


class Progress(RichProgressBar):
    """Progress bar with few, short values, which must fit into a line of 80 columns.

    Args:
        checkpoints: knows the best epoch so far.
        part: part whose macro F1 is shown.
    """

    _refreshed = 0.0

    def __init__(self, checkpoints: Checkpoints, part: str) -> None:
        super().__init__()
        self._checkpoints, self._part = checkpoints, part

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
        """Return the loss, and once they are known the part's macro F1 and the best so far."""
        values = trainer.callback_metrics | trainer.progress_bar_metrics
        labels = {"loss": "loss", "validation_macro_f1": f"{SHORT[self._part]} F1"}
        shown = {label: round(float(values[k]), 4) for k, label in labels.items() if k in values}
        best = self._checkpoints.best_f1
        return shown if best is None else {**shown, "best": round(best, 4)}

    def _get_train_description(self, current_epoch: int) -> str:
        """Count epochs from 1; Lightning counts them from 0."""
        return f"Epoch {current_epoch + 1}/{self.trainer.max_epochs}"
