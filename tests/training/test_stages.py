"""Two stages in one run: the second trains what it names, under its own sampler, and no more."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from aduni.methods.base import Method, Stage
from aduni.models.memory import MomentumCopy
from aduni.results.run_folder import RunFolder
from aduni.training import stages
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import sgd
from aduni.training.run import run
from composing import settings_of

METHOD = {
    "_target_": "two_stages.TwoStages",
    "classifier_sampler": {"_target_": "aduni.data.Balanced", "epoch_length": 3},
}


class Parts(Method):
    """A module, a parameter of the method's own, and a momentum copy."""

    stages = ()

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 3)
        self.classifier = nn.Linear(3, 2)
        self.temperature = nn.Parameter(torch.ones(()))
        self.keys = MomentumCopy(self.encoder, 0.9)


def _learning(method: Method, *stages: tuple[str, ...]) -> set[str]:
    """Parameters that the last of some stages gives to its optimiser."""
    free = learnable(method)
    for trainable in stages:
        stage = Stage("train", 1, lambda batch, epoch: {}, trainable=trainable)
        learner = StageModule(method, stage, Optimisation(sgd, 0.1, 0.1, 0), 2, (0, 0), {}, free)
    chosen = {id(p) for p in learner.configure_optimizers().param_groups[0]["params"]}
    return {name for name, p in method.named_parameters() if id(p) in chosen}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = settings_of(
        "encoder.name=shufflenet_v2_x0_5",
        "epochs=2",
        "batch_size=32",
        "sampler=none",
        "sampler.epoch_length=2",
        "num_workers=0",
        "trainer=cpu",
        "optimizer.momentum=0.8",
        "optimizer.weight_decay=2e-4",
        f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}",
    )
    settings.method = METHOD
    return run(settings, RunFolder(folder)), RunFolder(folder), settings


def _state(folder: RunFolder, name: str, stage: str = "") -> dict[str, torch.Tensor]:
    state = torch.load(folder.checkpoint(name, stage), weights_only=True)["state_dict"]
    return {key: value for key, value in state.items() if key.startswith("method.")}


@pytest.mark.parametrize("stage", ["", "representation"])
def test_each_stage_was_trained_with_the_settings_momentum_and_weight_decay(finished, stage):
    content = torch.load(finished[1].checkpoint("last", stage), weights_only=True)
    (optimiser,) = content["optimizer_states"]
    (group,) = optimiser["param_groups"]

    assert (group["momentum"], group["weight_decay"]) == (0.8, 2e-4)
    assert len(optimiser["state"]) == len(group["params"])  # every parameter has its momentum


def test_both_stages_are_in_one_history(finished):
    history = pd.read_csv(finished[1].history)

    assert list(history["stage"]) == ["representation"] * 2 + ["classifier"] * 2
    assert list(history["epoch"]) == [0, 1, 0, 1]


def test_each_stage_has_its_own_sampler(finished):
    assert list(pd.read_csv(finished[1].history)["images"]) == [64, 64, 96, 96]


def test_the_frozen_encoder_stands_still_with_its_statistics(finished):
    before = _state(finished[1], "last", "representation")
    after = _state(finished[1], "last")

    encoder = [key for key in before if key.startswith("method.encoder.")]
    assert any("running_mean" in key for key in encoder)
    assert any("num_batches_tracked" in key for key in encoder)
    for key in encoder:
        assert torch.equal(before[key], after[key]), key


def test_the_classifier_learned(finished):
    before = _state(finished[1], "last", "representation")
    after = _state(finished[1], "last")

    classifier = [key for key in before if key.startswith("method.classifier.")]
    assert classifier
    assert all(not torch.equal(before[key], after[key]) for key in classifier)


def test_the_test_uses_the_last_stage(finished):
    metrics, folder, _ = finished
    best = torch.load(folder.checkpoint("best"), weights_only=True)

    assert best["aduni"]["stage"] == "classifier"
    assert metrics["selected_epoch"] == best["epoch"]


def test_a_module_that_the_method_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="Parts has no module clasifier"):
        _learning(Parts(), ("encoder", "clasifier"))


def test_a_stage_that_names_modules_trains_no_parameter_of_the_methods_own():
    assert _learning(Parts(), ("classifier",)) == {"classifier.weight", "classifier.bias"}


def test_a_stage_that_names_none_trains_all_but_the_momentum_copy():
    own = {"encoder.weight", "encoder.bias", "classifier.weight", "classifier.bias", "temperature"}

    assert _learning(Parts(), ()) == own
    assert _learning(Parts(), ("classifier",), ()) == own  # whatever stood still before


def test_files_of_a_run_do_not_depend_on_when_checkpoints_are_written(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(Checkpoints.__init__, "__defaults__", (True,))
    settings = finished[2].model_copy(deep=True)
    run(settings, RunFolder(tmp_path))

    for stage in ("", "representation"):
        for name in ("best", "last"):
            folders = finished[1], RunFolder(tmp_path)
            first, second = (_state(folder, name, stage) for folder in folders)
            assert all(torch.equal(first[key], second[key]) for key in first)


def test_processes_leave_their_group_before_the_first_one_tests(finished, tmp_path, monkeypatch):
    folder, seen = RunFolder(tmp_path), []
    monkeypatch.setattr(
        stages,
        "leave_process_group",
        lambda: seen.append((folder.history.exists(), folder.predictions.exists())),
    )
    run(finished[2].model_copy(deep=True), folder)

    assert seen == [(True, False)]


def test_a_stage_works_on_its_own_gpu_before_its_first_step(tmp_path, monkeypatch):
    """A resumed second stage computes features first: without this, all ranks on GPU 0."""
    seen = []
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda", 1)))
    monkeypatch.setattr(stages.Training, "_trainer", lambda *_: trainer)
    monkeypatch.setattr(stages.Training, "_stage_folder", lambda *_: "")
    monkeypatch.setattr(stages.Training, "_reader", lambda _: seen.append("reader"))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: seen.append(str(device)))
    training = object.__new__(stages.Training)
    training.folder, training.method = RunFolder(tmp_path), Parts()
    training.settings = SimpleNamespace(seed=0, patience=None, max_seconds=None)
    training.data = SimpleNamespace(protocol=SimpleNamespace(select="macro_f1"))
    training.stages, training.found = [], {}

    def begin(read):
        seen.append("begins")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training._train(1, Stage("classifier", 0, lambda batch, epoch: {}, on_start=begin))
    assert seen == ["cuda:1", "reader", "begins"]


def test_a_resumed_stage_does_not_start_again_and_keeps_what_its_start_found(tmp_path, monkeypatch):
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))
    content = {"epoch": 1, "aduni": {"found": {"scale": 2.5}}}
    monkeypatch.setattr(stages.Training, "_trainer", lambda *_: trainer)
    monkeypatch.setattr(stages.Training, "_stage_folder", lambda *_: "")
    monkeypatch.setattr(stages.Training, "_module", lambda *_: None)
    monkeypatch.setattr(stages, "restore_latest", lambda *_: 1)
    monkeypatch.setattr(stages, "load_checkpoint", lambda *_: content)
    monkeypatch.setattr(stages, "load_weights", lambda *_: None)
    training = object.__new__(stages.Training)
    training.folder, training.method = RunFolder(tmp_path), nn.Linear(1, 1)
    training.settings = SimpleNamespace(seed=0, patience=None, max_seconds=None)
    training.data = SimpleNamespace(protocol=SimpleNamespace(select="macro_f1"))
    training.stages, training.found = [], {}

    training._train(0, Stage("train", 2, lambda batch, epoch: {}, on_start=pytest.fail))

    assert training.found == {"scale": 2.5}
