"""A line for an epoch in the log and, where there is no terminal, on standard output."""

import logging
import time
from datetime import datetime, timedelta
from statistics import mean

from pytorch_lightning import Callback, LightningModule, Trainer
from rich import get_console

from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.early_stop import EarlyStop

log = logging.getLogger(__name__)

MIN_ESTIMATE_SECONDS = 10.0
"""What ends sooner needs no estimate."""
MIN_SECONDS_BETWEEN = 10.0
"""Lines of shorter epochs are left out, except those of the first and the last."""
AVERAGED_EPOCHS = 5


class EpochLines(Callback):
    """Callback that says how an epoch went, and how much time is left of the run.

    On a terminal, where the progress bar shows the rest, the time left is printed once.

    Args:
        checkpoints: knows the best epoch so far.
        stop: knows the time that the run may still take.
        part: part whose macro F1 is logged.
        later_epochs: epochs of later stages, assumed to be as slow as this one's.
        stage: name of the stage; empty if it is the only one.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        stop: EarlyStop,
        part: str,
        later_epochs: int,
        stage: str = "",
    ) -> None:
        self._checkpoints, self._stop, self._part = checkpoints, stop, part
        self._later_epochs, self._stage = later_epochs, stage
        self._started: float | None = None
        self._seconds: list[float] = []
        self._printed: float | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and log the line, once validation is over and the checkpoint is written."""
        if self._started is None or not trainer.is_global_zero:
            return
        assert trainer.max_epochs is not None
        now = time.perf_counter()
        self._seconds.append(now - self._started)
        is_last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        is_first = self._printed is None
        if not (is_first or is_last or now - self._printed >= MIN_SECONDS_BETWEEN):  # type: ignore[operator]
            return
        self._printed = now
        left = 0 if trainer.should_stop else trainer.max_epochs - trainer.current_epoch - 1
        estimate = self._estimate(left + self._later_epochs)
        line = "; ".join(filter(None, [self._line(trainer), estimate]))
        log.info("%s", line)
        console = get_console()  # the progress bar's, which stays below
        if not console.is_terminal:
            print(line, flush=True)
        elif is_first and estimate:
            console.print(estimate, highlight=False)

    def _line(self, trainer: Trainer) -> str:
        """Return a line like "Epoch 3/50: loss 1.2345, validation macro F1 0.456, ..., 12.0 s"."""
        values = trainer.callback_metrics
        parts = [f"loss {float(values['loss']):.4f}"]
        if "validation_macro_f1" in values:
            parts.append(f"{self._part} macro F1 {float(values['validation_macro_f1']):.4f}")
        if self._checkpoints.best_f1 is not None:
            best = f"{self._checkpoints.best_f1:.4f} in epoch {self._checkpoints.best_epoch + 1}"
            parts.append(f"best {best}")
        parts.append(f"{self._seconds[-1]:.1f} s")
        stage = f"{self._stage}, epoch" if self._stage else "Epoch"
        return f"{stage} {trainer.current_epoch + 1}/{trainer.max_epochs}: {', '.join(parts)}"

    def _estimate(self, epochs: int) -> str:
        """Return when the run will be done; empty if that is soon."""
        seconds = epochs * mean(self._seconds[-AVERAGED_EPOCHS:])
        seconds = min(seconds, self._stop.seconds_left)
        if seconds < MIN_ESTIMATE_SECONDS:
            return ""
        return time_left(seconds, datetime.now().astimezone() + timedelta(seconds=seconds))


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
