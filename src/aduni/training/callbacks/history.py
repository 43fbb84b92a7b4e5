"""Write history.csv during the training."""

import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.distributed.collectives import mean_over_ranks, world_size
from aduni.results.history_csv import add_epoch, read_history


class History(Callback):
    """Callback that adds a row to history.csv each epoch; the file is rewritten whole, never cut.

    Args:
        path: history.csv; rows of earlier stages are kept.
        stage: name in the first column.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self._path, self._stage = path, stage
        self._started = 0.0
        self._images = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the file before an epoch is trained in vain."""
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
        """Add the epoch's row; a resumed run replaces the rows from its first epoch on."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        *means, images = mean_over_ranks([*values.values(), self._images])
        if not trainer.is_global_zero:
            return
        row = {"stage": self._stage, "epoch": trainer.current_epoch}
        row |= dict(zip(values, means, strict=True))
        row["images"] = round(images * world_size())
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        add_epoch(self._path, row)
