"""The end of an epoch: which epoch is selected, and files that are whole."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from pytorch_lightning.callbacks.progress.rich_progress import MetricsTextColumn
from rich.console import Console
from rich.progress import Progress as RichProgress

from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.system.atomic_files import atomic_write
from aduni.system.temporary import temporary_name
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.history import History
from aduni.training.callbacks.progress import Progress


class Trainer:
    """Stands for Lightning's: gives scores, and notes what is saved."""

    is_global_zero = True
    strategy = SimpleNamespace(barrier=lambda name: None)

    def __init__(self, folder: Path) -> None:
        self.callback_metrics: dict[str, float] = {}
        self.number = -1
        self.folder = folder

    @property
    def current_epoch(self) -> int:
        """As Lightning calls it."""
        return self.number

    def save_checkpoint(self, path: Path, weights_only: bool) -> None:
        assert not weights_only  # a resumed run needs the optimiser too
        with atomic_write(path) as temporary:
            temporary.write_text(str(self.number))

    def epoch(self, checkpoints: Checkpoints, accuracy: float, macro_f1: float) -> bool:
        """Whether the epoch became the best."""
        self.number += 1
        self.callback_metrics["validation_accuracy"] = accuracy
        self.callback_metrics["validation_macro_f1"] = macro_f1
        checkpoints.on_train_epoch_end(self, None)
        assert (self.folder / "last.ckpt").read_text() == str(self.number)
        return self.best == self.number

    @property
    def best(self) -> int:
        """The epoch that best.ckpt is of."""
        return int((self.folder / "best.ckpt").read_text())


@pytest.fixture
def selected(tmp_path):
    """The epoch whose weights best.ckpt holds in the end."""

    def after(rule: str, epochs: list[tuple[float, float]]) -> int:
        checkpoints, trainer = Checkpoints(tmp_path, rule), Trainer(tmp_path)
        for scores in epochs:
            trainer.epoch(checkpoints, *scores)
        return trainer.best

    return after


def test_the_highest_macro_f1_is_selected_whatever_the_accuracy(selected):
    assert selected("macro_f1", [(0.9, 0.5), (0.8, 0.7), (0.95, 0.6)]) == 1


def test_of_equal_epochs_the_earlier_one_is_selected(selected):
    assert selected("macro_f1", [(0.8, 0.5), (0.8, 0.7), (0.9, 0.7)]) == 1


def test_the_released_rule_wants_both_to_improve_on_the_best_epoch(selected):
    # Epoch 1 loses accuracy; epoch 2 beats epoch 0 in both; epoch 3 only ties in accuracy.
    epochs = [(0.8, 0.5), (0.7, 0.9), (0.85, 0.6), (0.85, 0.95)]
    assert selected("accuracy_and_macro_f1", epochs) == 2


def test_selection_goes_on_from_a_checkpoint(tmp_path):
    first, resumed = Checkpoints(tmp_path, "macro_f1"), Checkpoints(tmp_path, "macro_f1")
    trainer = Trainer(tmp_path)
    assert trainer.epoch(first, 0.8, 0.7)
    resumed.load_state_dict(first.state_dict())

    assert not trainer.epoch(resumed, 0.9, 0.65)
    assert trainer.epoch(resumed, 0.9, 0.75)


@pytest.mark.parametrize("links", [True, False])
def test_best_last_and_previous_are_whole_files_of_their_own(tmp_path, monkeypatch, links):
    def refuse(*_: object) -> None:
        raise OSError("no second names here")

    if not links:
        monkeypatch.setattr("os.link", refuse)
    checkpoints, trainer = Checkpoints(tmp_path, "macro_f1"), Trainer(tmp_path)
    kept = []
    for macro_f1 in (0.7, 0.6, 0.5, 0.8):
        trainer.epoch(checkpoints, 0.8, macro_f1)
        kept.append({path.stem: int(path.read_text()) for path in tmp_path.iterdir()})

    assert kept == [
        {"best": 0, "last": 0},
        {"best": 0, "previous": 0, "last": 1},
        {"best": 0, "previous": 1, "last": 2},
        {"best": 3, "previous": 2, "last": 3},
    ]


class BackgroundTrainer(Trainer):
    """Stands for a trainer on a GPU: its strategy saves by the writer of the project."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.io = AtomicCheckpointIO()
        self.strategy = SimpleNamespace(barrier=lambda name: None, checkpoint_io=self.io)
        self.weights = torch.zeros(1)

    def save_checkpoint(self, path: Path, weights_only: bool) -> None:
        assert not weights_only
        self.io.save_checkpoint({"weights": self.weights}, path)


def _held(folder: Path) -> dict[str, float]:
    return {file.stem: float(torch.load(file)["weights"]) for file in folder.glob("*.ckpt")}


def test_files_written_beside_the_training_are_those_written_between_epochs(tmp_path):
    checkpoints, trainer = Checkpoints(tmp_path, "macro_f1", True), BackgroundTrainer(tmp_path)
    trainer.callback_metrics["validation_accuracy"] = 0.8
    found = []
    for number, macro_f1 in enumerate((0.7, 0.6, 0.5, 0.8)):
        trainer.number = number
        trainer.weights.fill_(number)
        trainer.callback_metrics["validation_macro_f1"] = macro_f1
        checkpoints.on_train_epoch_end(trainer, None)
        trainer.weights.fill_(-1)  # the next epoch changes the weights while they are written
        if number == 2:
            checkpoints.on_exception(trainer, None, KeyboardInterrupt())
            found.append(_held(tmp_path))
    checkpoints.on_train_end(trainer, None)
    found.append(_held(tmp_path))

    assert found == [
        {"best": 0.0, "previous": 1.0, "last": 2.0},
        {"best": 3.0, "previous": 2.0, "last": 3.0},
    ]


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """Checkpoints and their trainer after an epoch whose checkpoints cannot be written."""

    def refuse(self, *_: object) -> None:
        if self._held is None:
            raise OSError(28, "No space left on device")
        self._held.append({})

    checkpoints, trainer = Checkpoints(tmp_path, None, True), BackgroundTrainer(tmp_path)
    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", refuse)
    checkpoints.on_train_epoch_end(trainer, None)
    return checkpoints, trainer


@pytest.mark.parametrize("hook", ["on_train_epoch_end", "on_train_end"])
def test_a_failed_write_beside_the_training_ends_it(full_disk, hook):
    checkpoints, trainer = full_disk

    with pytest.raises(OSError, match="No space left"):
        getattr(checkpoints, hook)(trainer, None)


def test_a_failed_write_does_not_hide_the_error_that_came_first(full_disk, caplog):
    checkpoints, trainer = full_disk
    checkpoints.on_exception(trainer, None, KeyboardInterrupt())

    assert "No space left on device" in caplog.text


def test_a_killed_write_leaves_nothing_that_a_later_one_writes_through(tmp_path):
    """The temporary file of a killed process may be a second name of best.ckpt."""
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    best.write_text("best")
    os.link(best, temporary_name(last))
    with atomic_write(last) as temporary:
        temporary.write_text("last")

    assert best.read_text() == "best"


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    flush, rename = os.fsync, os.replace

    def noted_flush(descriptor):
        flush(descriptor)
        done.append(("flushed", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))

    def noted_rename(source, target):
        rename(source, target)
        done.append(("renamed", Path(target).name))

    monkeypatch.setattr("os.fsync", noted_flush)
    monkeypatch.setattr("os.replace", noted_rename)
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")

    assert done == [
        ("flushed", temporary_name(tmp_path / "last.ckpt").name),
        ("renamed", "last.ckpt"),
        ("flushed", tmp_path.name),
    ]


def test_the_longest_line_of_progress_fits_into_80_columns():
    checkpoints = Checkpoints(Path(), "macro_f1")
    checkpoints.load_state_dict({"scores": {"accuracy": 0.9, "macro_f1": 0.5}, "epoch": 3})
    bar = Progress(checkpoints, "validation")
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"),
        sanity_checking=False,
        training=True,
        progress_bar_callback=bar,
        callback_metrics={"validation_macro_f1": 0.123456},
        progress_bar_metrics={"loss": 12.3456, "alpha": 0.98765},
    )
    figures = MetricsTextColumn(trainer, "", " ", bar.theme.metrics_format)
    figures.update(bar.get_metrics(trainer, None))
    console = Console(width=80, file=io.StringIO())
    bar._trainer = SimpleNamespace(max_epochs=400)
    line = RichProgress(*bar.configure_columns(trainer), figures, console=console)
    bar.train_progress_bar_id = line.add_task(
        bar._get_train_description(398), total=1000, completed=999
    )

    (shown,) = console.render_lines(line.get_renderable())
    text = "".join(segment.text for segment in shown)
    assert text.startswith("Epoch 399/400 ")
    assert "999/1000" in text
    assert text.rstrip().endswith("loss: 12.346 val F1: 0.123 best: 0.500")


def test_a_resumed_run_replaces_rows_from_its_first_epoch_on(tmp_path):
    path = tmp_path / "history.csv"
    for epoch, loss in [(0, 3.0), (1, 2.0), (1, 1.5)]:
        history = History(path, "train")
        trainer = SimpleNamespace(
            is_global_zero=True,
            world_size=1,
            callback_metrics={"loss": torch.tensor(loss)},
            current_epoch=epoch,
        )
        history.on_train_epoch_start(trainer, None)
        history.on_train_epoch_end(trainer, SimpleNamespace(device=torch.device("cpu")))

    frame = pd.read_csv(path)
    assert list(frame["epoch"]) == [0, 1]
    assert list(frame["loss"]) == [3.0, 1.5]


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "last.ckpt"
    plugin = AtomicCheckpointIO()
    plugin.save_checkpoint({"epoch": 1}, path)
    with pytest.raises(Exception, match=r"pickle|local object"):
        plugin.save_checkpoint({"epoch": lambda: 2}, path)

    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
