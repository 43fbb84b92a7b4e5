"""From the loader's batch to the gradients no step waits for the device."""

from contextlib import contextmanager

import pytest
import torch

from aduni.data.module import ImageDataModule
from aduni.training.lightning_module import StageModule
from composing import networks

HOOKS = (
    (ImageDataModule, "transfer_batch_to_device"),
    (ImageDataModule, "on_after_batch_transfer"),
    (StageModule, "training_step"),
    (StageModule, "backward"),
)


@pytest.fixture
def watched(monkeypatch, device):
    """Refuse to synchronise in these hooks of training steps; returns the calls of each hook.

    The first two steps are free to: libraries make their handles, and cuDNN its plans.
    """
    calls = dict.fromkeys((name for _, name in HOOKS), 0)

    @contextmanager
    def without_waiting(refuse: bool):
        if refuse:
            torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            if refuse:
                torch.cuda.set_sync_debug_mode("default")

    def watch(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def hook(self, *args, **kwargs):
            trainer = self.trainer
            steps = trainer is not None and trainer.training and trainer.global_step >= 2
            exempt = trainer is not None and _is_balms_second_stage(trainer)
            calls[name] += steps
            with without_waiting(steps and not exempt and device.type == "cuda"):
                return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, hook)

    for kind, name in HOOKS:
        watch(kind, name)
    return calls


def _is_balms_second_stage(trainer) -> bool:
    """How many images it draws depends on the labels of the batch."""
    module = trainer.lightning_module
    name = type(module.method).__name__ if module is not None else ""
    return name == "BALMS" and module._stage.name == "classifier"


@pytest.mark.parametrize("kept", ["auto", "false"])
@pytest.mark.parametrize("name", networks())
def test_no_step_waits_for_the_device(watched, train, name, kept):
    train(f"method={name}", "precision=bf16-mixed", f"data_on_gpu={kept}")

    assert all(count >= 4 for count in watched.values()), watched
