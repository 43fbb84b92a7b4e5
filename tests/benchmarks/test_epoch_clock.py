"""What an epoch's time contains, and how it is held against the bare steps around it."""

from types import SimpleNamespace

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from aduni.batch import Batch
from aduni.config.build import build_data_and_method
from aduni.reproduce.planning import settings_of
from benchmarks import alternation
from benchmarks.alternation import Alternation, bare_step
from benchmarks.evaluation import bare_forward
from benchmarks.profile import shares
from benchmarks.step import efficiency


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what the test sets."""
    shown = SimpleNamespace(wall=0.0)
    monkeypatch.setattr(alternation, "wall_clock", lambda: shown.wall)
    return shown


def test_an_epoch_is_everything_but_bare_steps_and_validation(clock, monkeypatch):
    watcher = Alternation(bare_steps=1)
    batch = SimpleNamespace(labels=torch.zeros(10))

    def bare(trainer, module):
        clock.wall += 100
        return 0.1

    monkeypatch.setattr(watcher, "_bare_rate", bare)
    for epoch in range(3):
        trainer = SimpleNamespace(current_epoch=epoch)
        clock.wall += 1  # fetching the first batch
        for step in range(2):
            clock.wall += 3
            watcher.on_train_batch_end(trainer, None, None, batch, step)
        watcher.on_validation_start(trainer, None)
        clock.wall += 20
        watcher.on_validation_end(trainer, None)
        clock.wall += 0.5  # logging
        watcher.on_train_epoch_end(trainer, None)
        clock.wall += 0.25  # checkpoints: part of the next epoch's time
    assert watcher.epochs == [20 / 7.75] * 2  # without the first
    assert watcher.seconds == [27.75] * 2
    assert watcher.validation == [20.0] * 2
    assert watcher.bare == [0.1] * 3


def test_the_rate_of_bare_steps_is_that_of_all_of_them(clock, monkeypatch):
    def costly():
        clock.wall += 2

    monkeypatch.setattr(alternation, "bare_step", lambda *given: costly)
    watcher = Alternation(bare_steps=3)
    trainer = SimpleNamespace(
        current_epoch=0,
        precision_plugin=SimpleNamespace(train_step_context=None),
        optimizers=[None],
    )
    module = SimpleNamespace(method=None)
    watcher.on_train_batch_end(trainer, module, None, SimpleNamespace(labels=torch.zeros(10)), 0)
    watcher.on_train_epoch_end(trainer, module)
    assert watcher.bare == [10 * 3 / 6]


def test_an_epoch_is_compared_with_the_bare_steps_before_and_after_it():
    watcher = Alternation(1)
    watcher.bare = [10 / 1, 10 / 3, 10 / 1]
    watcher.epochs = [40 / 10, 40 / 8]
    assert watcher.bare_around == pytest.approx([20 / 4, 20 / 4])
    assert efficiency(watcher).median == pytest.approx((4 / 5 + 5 / 5) / 2)


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
    return build_data_and_method(settings_of(bench.synthetic(14)))[1].eval()


def test_the_bare_forward_gives_the_method_s_logits(method):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    (bare,) = bare_forward(method, [method.encoder.normalised(images)])
    with torch.no_grad():
        assert torch.equal(bare, method(images))


def test_bare_steps_move_a_copy_only(method):
    before = {name: values.clone() for name, values in method.state_dict().items()}
    optimiser = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    views = torch.randint(0, 256, (2, 4, 3, 32, 32), dtype=torch.uint8)
    step = bare_step(method, optimiser, Batch(views, torch.arange(4), None), torch.enable_grad)
    stepped = []
    hook = register_optimizer_step_post_hook(lambda copied, *_: stepped.append(copied))
    step()
    hook.remove()
    (copied,) = stepped
    assert copied is not optimiser
    learning = [values for group in copied.param_groups for values in group["params"]]
    assert len(learning) == len(list(method.parameters()))
    assert all(values.grad is not None for values in learning)
    moved = [not torch.equal(own, p) for own, p in zip(method.parameters(), learning, strict=True)]
    assert any(moved)
    assert not method.training
    assert all(values.grad is None for values in method.parameters())
    for name, values in method.state_dict().items():
        assert torch.equal(values, before[name])
