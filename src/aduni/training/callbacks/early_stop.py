"""Stop a stage before its last epoch: patience is exhausted, or the run's time is over."""

import math
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.checkpoints.load import load_checkpoint
from aduni.training.callbacks.checkpoints import Checkpoints

PATIENCE, MAX_TIME = "patience", "max_time"


class EarlyStop(Callback):
    """Callback that ends a stage after an epoch; schedules stay those of all planned epochs.

    It has no state of its own: a resumed run finds the best epoch in the checkpoint and the time of
    earlier epochs in history.csv.

    Args:
        checkpoints: knows the best epoch.
        patience: epochs without a better one after which the stage ends; None: no limit.
        max_seconds: training time of the whole run; None: no limit.
    """

    def __init__(
        self, checkpoints: Checkpoints, patience: int | None, max_seconds: float | None
    ) -> None:
        self._checkpoints, self._patience, self._max_seconds = checkpoints, patience, max_seconds
        self._seconds: list[float] = []
        self._started = 0.0
        self.cut: dict[str, Any] = {}
        """Epochs that were trained and the key that ended them, for metrics.json; else empty."""

    def begin(self, seconds: list[float]) -> None:
        """Note the seconds of each earlier epoch of the run."""
        self._seconds = list(seconds)

    @property
    def seconds_left(self) -> float:
        """Seconds until max_time ends the run; infinite without it."""
        return math.inf if self._max_seconds is None else self._max_seconds - sum(self._seconds)

    def is_over(self, last: Path) -> bool:
        """Tell whether a run that ended early goes on after this stage, given its last.ckpt."""
        if self._patience is None and self._max_seconds is None:
            return False
        content = load_checkpoint(last, "resume")
        best = int(content["callbacks"][Checkpoints.__qualname__]["epoch"])
        self._note(int(content["epoch"]), self._reason(int(content["epoch"]), best))
        return bool(self.cut)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop if there is a reason; the first rank, whose clock counts, decides for all."""
        self._seconds.append(time.perf_counter() - self._started)
        found = self._reason(trainer.current_epoch, self._checkpoints.best_epoch)
        found = trainer.strategy.broadcast(found)
        if found and trainer.current_epoch + 1 != trainer.max_epochs:
            self._note(trainer.current_epoch, found)
            trainer.should_stop = True

    def _reason(self, epoch: int, best: int) -> str | None:
        """Return the key that ends the training after an epoch, None if it goes on."""
        if self._patience is not None and 0 <= best <= epoch - self._patience:
            return PATIENCE
        # Another epoch must fit into the time, too.
        spent = sum([*self._seconds, *self._seconds[-1:]])
        return MAX_TIME if self._max_seconds is not None and spent > self._max_seconds else None

    def _note(self, epoch: int, reason: str | None) -> None:
        self.cut = {"trained": epoch + 1, "ended_by": reason} if reason else {}
