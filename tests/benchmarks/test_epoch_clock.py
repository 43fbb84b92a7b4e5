"""What an epoch's time contains, and how it is held against the bare steps around it."""

from types import SimpleNamespace

import pytest
import torch

from aduni.config.build import build_data, build_method
from benchmarks import alternation
from benchmarks.alternation import Alternation, Passed, neighbours
from benchmarks.bare import BareTraining, bare_forward
from benchmarks.composing import settings_of, synthetic
from benchmarks.profiling import shares
from benchmarks.step import efficiency, extrapolated


@pytest.fixture
def clocks(monkeypatch):
    """The wall and the CPU clock show what the test sets."""
    shown = SimpleNamespace(wall=0.0, cpu=0.0)
    monkeypatch.setattr(alternation, "WALL", lambda: shown.wall)
    monkeypatch.setattr(alternation, "CPU", lambda: shown.cpu)
    return shown


def test_an_epoch_is_everything_but_bare_steps_and_validation(clocks, monkeypatch):
    watcher = Alternation(bare_steps=1)
    learner = SimpleNamespace(device=torch.device("cpu"))
    batch = SimpleNamespace(labels=torch.zeros(10))

    def bare(trainer, module):
        clocks.wall += 100
        return Passed(10, 100.0, 50.0)

    monkeypatch.setattr(watcher, "_steps", bare)
    for epoch in range(3):
        trainer = SimpleNamespace(current_epoch=epoch)
        clocks.wall += 1  # fetching the first batch
        for step in range(2):
            clocks.wall += 3
            clocks.cpu += 2
            watcher.on_train_batch_end(trainer, learner, None, batch, step)
        watcher.on_validation_start(trainer, learner)
        clocks.wall += 20
        clocks.cpu += 10
        watcher.on_validation_end(trainer, learner)
        clocks.wall += 0.5  # logging
        watcher.on_train_epoch_end(trainer, learner)
        clocks.wall += 0.25  # checkpoints: part of the next epoch's time
    assert watcher.epochs == [Passed(20, 7.75, 4.0, 20.0)] * 2  # without the first
    assert watcher.bare == [Passed(10, 100.0, 50.0)] * 3


def test_an_epoch_is_held_against_the_bare_steps_before_and_after_it():
    watcher = Alternation(1)
    watcher.bare = [Passed(10, 1.0, 1.0), Passed(10, 3.0, 1.0), Passed(10, 1.0, 1.0)]
    watcher.epochs = [Passed(40, 10.0, 1.0), Passed(40, 8.0, 1.0)]
    assert neighbours(watcher.bare) == [Passed(20, 4.0, 2.0)] * 2
    assert efficiency(watcher).median == pytest.approx((4 / 5 + 5 / 5) / 2)


def test_the_extrapolation_has_validation_in_it():
    epochs = [Passed(100, 5.0, 1.0, 1.0), Passed(100, 6.0, 1.0, 1.5), Passed(100, 5.5, 1.0, 0.5)]
    assert extrapolated(epochs, 400).median == pytest.approx(40.0)


def test_shares_of_an_epoch_add_up_to_it():
    totals = {
        "run_training_epoch": 10.0,  # the validation pass is in it, History is not
        "[Strategy]SingleDeviceStrategy.validation_step": 0.5,
        "[_TrainingEpochLoop].train_dataloader_next": 1.0,
        "[Strategy]SingleDeviceStrategy.batch_to_device": 0.5,
        "[Strategy]SingleDeviceStrategy.training_step": 2.0,
        "[Strategy]SingleDeviceStrategy.backward": 3.0,
        "[LightningModule]StageModule.optimizer_step": 6.0,
        "[Callback]Progress.on_train_batch_end": 0.25,
        "[Callback]History.on_train_epoch_end": 0.25,
    }
    rows = {row["what"]: row["seconds"] for row in shares(totals)}
    assert rows["optimiser step"] == 1.0
    assert rows["rest"] == pytest.approx(1.75)
    assert rows["progress bar"] == 0.25
    assert sum(row["share"] for row in shares(totals)) == pytest.approx(1)


@pytest.fixture
def method(bench):
    given = synthetic(bench.scratch, images=14, held_out=14, image_size=32, batch_size=4)
    settings = settings_of(given)
    return build_method(settings, build_data(settings).training_counts).eval()


def test_the_bare_forward_gives_the_method_s_logits(method):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        bare = bare_forward(method, method.encoder.normalised(images))
        assert torch.equal(bare, method(images))


def test_bare_steps_move_a_copy_only(method):
    before = {name: values.clone() for name, values in method.state_dict().items()}
    optimiser = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    views = torch.randint(0, 256, (2, 4, 3, 32, 32), dtype=torch.uint8)
    bare = BareTraining(method, optimiser, views, torch.arange(4), torch.enable_grad)
    bare.step()
    learning = [values for group in bare.optimiser.param_groups for values in group["params"]]
    assert len(learning) == len(list(method.parameters()))
    assert all(values.grad is not None for values in learning)
    moved = [not torch.equal(own, p) for own, p in zip(method.parameters(), learning, strict=True)]
    assert any(moved)
    for name, values in method.state_dict().items():
        assert torch.equal(values, before[name])
