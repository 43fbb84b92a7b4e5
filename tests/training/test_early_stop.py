"""A stage ends before its last epoch: without a better epoch, or when its time is over."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from aduni.results.history_csv import history_seconds
from aduni.training.callbacks import early_stop
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.early_stop import EarlyStop


class Trainer:
    """Stands for Lightning's: an epoch of ten seconds, and its score."""

    strategy = SimpleNamespace(broadcast=lambda value: value)

    def __init__(self, max_epochs: int = 50) -> None:
        self.should_stop, self.current_epoch, self.max_epochs = False, -1, max_epochs

    def epoch(self, stop: EarlyStop, checkpoints: Checkpoints, f1: float) -> bool:
        """Whether the stage ends after this epoch."""
        self.current_epoch += 1
        stop.on_train_epoch_start(self, None)
        if checkpoints._update_best({"validation_accuracy": 0.5, "validation_macro_f1": f1}):
            checkpoints._epoch = self.current_epoch
        stop.on_train_epoch_end(self, None)
        return self.should_stop


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Ten seconds pass from each look at the clock to the next."""
    times = iter(range(0, 10_000, 10))
    monkeypatch.setattr(early_stop, "time", SimpleNamespace(perf_counter=lambda: next(times)))


def _epochs(scores, patience=None, seconds=None, earlier=(), max_epochs=50):
    checkpoints = Checkpoints(Path(), "macro_f1")
    stop, trainer = EarlyStop(checkpoints, patience, seconds), Trainer(max_epochs)
    stop.begin(list(earlier))
    for count, score in enumerate(scores, start=1):
        if trainer.epoch(stop, checkpoints, score):
            return count, stop.cut
    return None, stop.cut


def test_patience_counts_the_epochs_after_the_best_one():
    scores = [0.1, 0.3, 0.2, 0.3, 0.1, 0.9]  # an equal epoch is not better
    assert _epochs(scores, patience=3) == (5, {"trained": 5, "ended_by": "patience"})
    assert _epochs(scores, patience=4) == (None, {})
    assert _epochs(scores) == (None, {})


def test_no_epoch_is_begun_that_would_end_too_late():
    assert _epochs([0.1] * 9, seconds=35.0) == (3, {"trained": 3, "ended_by": "max_time"})
    assert _epochs([0.1] * 9, seconds=40.0) == (4, {"trained": 4, "ended_by": "max_time"})


def test_a_first_epoch_is_trained_in_any_time():
    assert _epochs([0.1] * 9, seconds=1.0)[0] == 1


def test_the_time_of_earlier_epochs_counts():
    assert _epochs([0.1] * 9, seconds=60.0, earlier=[20.0, 10.0])[0] == 3


def test_the_last_epoch_is_no_early_end():
    assert _epochs([0.1] * 3, patience=2, max_epochs=3) == (None, {})


@pytest.mark.parametrize(("epoch", "over"), [(4, False), (5, True)])
def test_a_stage_that_ended_is_known_from_its_checkpoint(tmp_path, monkeypatch, epoch, over):
    content = {"epoch": epoch, "callbacks": {"Checkpoints": {"epoch": 2}}}
    monkeypatch.setattr(early_stop, "load_checkpoint", lambda path, key: content)
    stop = EarlyStop(Checkpoints(tmp_path, "macro_f1"), 3, None)
    assert stop.is_over(tmp_path / "last.ckpt") is over


def test_rows_after_the_last_checkpoint_take_no_time(tmp_path):
    frame = pd.DataFrame({"stage": ["a", "a", "b", "b"], "epoch": [0, 1, 0, 1], "loss": 1.0})
    frame["images"], frame["seconds"] = 10, [1.0, 2.0, 3.0, 4.0]
    frame.to_csv(tmp_path / "history.csv", index=False)
    assert history_seconds(tmp_path / "history.csv", "b", 0) == [1.0, 2.0, 3.0]
    assert history_seconds(tmp_path / "history.csv", "b", None) == [1.0, 2.0]
    assert history_seconds(tmp_path / "no.csv", "b", None) == []
