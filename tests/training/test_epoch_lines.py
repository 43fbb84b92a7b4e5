"""What is printed of an epoch where no progress bar is shown."""

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from aduni.training.callbacks import epoch_lines
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.early_stop import EarlyStop
from aduni.training.callbacks.epoch_lines import EpochLines, time_left


@pytest.fixture
def said(monkeypatch, capsys):
    """Lines of a training whose epochs take some seconds each."""

    def train(seconds, epochs, *, later=0, part="validation", ends_after=None, max_seconds=None):
        now = [0.0]
        monkeypatch.setattr(epoch_lines, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        checkpoints = Checkpoints(Path(), "macro_f1")
        checkpoints.load_state_dict({"scores": {"accuracy": 1.0, "macro_f1": 0.625}, "epoch": 1})
        stop = EarlyStop(checkpoints, None, max_seconds)
        lines = EpochLines(checkpoints, stop, part, later, "first" if later else "")
        metrics = {"loss": 1.25, "validation_macro_f1": 0.5}
        trainer = SimpleNamespace(
            is_global_zero=True, max_epochs=epochs, should_stop=False, callback_metrics=metrics
        )
        for number in range(epochs):
            trainer.current_epoch = number
            trainer.should_stop = number + 1 == ends_after
            lines.on_train_epoch_start(trainer, None)
            now[0] += seconds
            stop.begin([seconds] * (number + 1))  # `stop` hears of an epoch's end first
            lines.on_train_epoch_end(trainer, None)
            if trainer.should_stop:
                break
        return capsys.readouterr().out.splitlines()

    return train


def test_a_line_has_epoch_loss_scores_seconds_and_time_left(said):
    first, *_, last = said(60.0, 11)
    assert re.fullmatch(
        r"Epoch 1/11: loss 1\.2500, validation macro F1 0\.5000, best 0\.6250 in epoch 2, 60\.0 s; "
        r"about 10 min left, done at \d\d:\d\d.*",
        first,
    )
    assert last.startswith("Epoch 11/11: ")
    assert "left" not in last


def test_short_epochs_share_a_line_of_ten_seconds(said):
    numbers = [int(re.match(r"Epoch (\d+)", line)[1]) for line in said(3.0, 12)]
    assert numbers == [1, 5, 9, 12]


def test_the_time_that_is_left_is_renewed_and_counts_later_stages(said):
    lines = said(60.0, 2, later=3)
    assert lines[0].startswith("first, epoch 1/2: ")
    assert "about 4 min left" in lines[0]
    assert "about 3 min left" in lines[1]


def test_max_time_bounds_the_time_that_is_left(said):
    assert "about 2 min left" in said(60.0, 50, max_seconds=180.0)[0]


def test_an_epoch_after_which_the_training_ends_early_has_its_line(said):
    assert [line[:10] for line in said(1.0, 50, ends_after=3)] == ["Epoch 1/50", "Epoch 3/50"]


def test_a_score_of_the_test_part_is_not_called_validation(said):
    assert "test macro F1 0.5000" in said(60.0, 1, part="test")[0]


def test_a_run_of_days_says_on_which_day_it_is_done():
    assert time_left(40, datetime(2026, 11, 30, 12, 0, 40)) == "about 40 s left, done at 12:00"
    text = time_left(90_000, datetime(2026, 12, 1, 13, 0))
    assert text == "about 25.0 h left, done at 13:00 on 01 December"
