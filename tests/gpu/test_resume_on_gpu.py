"""A stopped run goes on from exactly what it was: weights, optimiser, queue, rates, scaler.

What the resumed run computes is not compared: on a GPU two equal runs differ in the last digits.
"""

import copy
from typing import Any

import pandas as pd
import pytest
import torch
from pytorch_lightning.plugins import MixedPrecision

from aduni.config.resume import resume_settings
from aduni.results.run_folder import RunFolder
from aduni.training.lightning_module import StageModule
from aduni.training.run import run
from composing import settings_of

CASES = {
    "aduni": ("train", "method=aduni", "precision=bf16-mixed"),
    "paco": ("train", "method=paco", "method.queue_size=70"),
    "balms": ("classifier", "method=balms", "method.classifier_share=1.0"),
    "scaler": ("train", "method=aduni", "precision=16-mixed"),
    "adamw": ("train", "method=ce", "recipe=scratch", "optimizer=adamw"),
}


class Stopped(Exception):
    """Stands in for a kill: no checkpoint is written on the way out."""


def state_of(module: StageModule) -> dict[str, Any]:
    """Copy all that a resume must restore."""
    trainer = module.trainer
    return copy.deepcopy(
        {
            "weights": dict(module.state_dict()),
            "optimizer": trainer.optimizers[0].state_dict(),
            "precision": trainer.precision_plugin.state_dict(),
            "step": trainer.global_step,
            "random": torch.get_rng_state(),
        }
    )


def same(one: Any, other: Any) -> bool:
    """Compare nested values to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture
def second_epoch(monkeypatch):
    """The states in which a stage's second epochs begin; the first of them stops the run."""
    states, original = [], StageModule.on_train_epoch_start

    def watch(stage: str) -> list[dict[str, Any]]:
        def begin(module: StageModule) -> None:
            original(module)
            if module._stage.name == stage and module.current_epoch == 1:
                states.append(state_of(module))
                if len(states) == 1:
                    raise Stopped

        monkeypatch.setattr(StageModule, "on_train_epoch_start", begin)
        return states

    return watch


@pytest.fixture
def scaler_of_the_cpu(monkeypatch):
    """Give the CPU, which Lightning never lets train in 16-mixed, a gradient scaler in bf16."""
    original = MixedPrecision.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)

    monkeypatch.setattr(MixedPrecision, "__init__", init)


@pytest.mark.parametrize("case", CASES)
def test_a_stopped_run_goes_on_from_what_it_was(
    train, tmp_path, device, second_epoch, request, case
):
    stage, *words = CASES[case]
    if case == "scaler" and device.type == "cpu":
        request.getfixturevalue("scaler_of_the_cpu")
        words[-1] = "precision=bf16-mixed"
    states = second_epoch(stage)
    with pytest.raises(Stopped):
        train(*words, "epochs=3")
    word = f"resume={tmp_path / 'run'}"
    folder = RunFolder(tmp_path / "run")
    run(resume_settings(settings_of(word), [word], folder), folder)

    before, after = states
    for part, value in before.items():
        assert same(value, after[part]), part
    if case == "scaler":
        assert after["precision"]["_growth_tracker"] + after["precision"]["scale"] > 0
    history = pd.read_csv(folder.history)
    assert list(history[history["stage"] == stage]["epoch"])[:2] == [0, 1]
    assert history["loss"].notna().all()
    assert folder.metrics.exists()
