"""Send each epoch to the trackers."""

from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.training.trackers.trackers import Trackers


class TrackedEpochs(Callback):
    """Callback that sends the newest row of history.csv, which another one has written.

    Args:
        history: history.csv.
        trackers: of the run.
    """

    def __init__(self, history: Path, trackers: Trackers) -> None:
        self._history, self._trackers = history, trackers

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the epoch from the first process, which has the trackers."""
        if trainer.is_global_zero:
            self._trackers.log_epoch(self._history)
