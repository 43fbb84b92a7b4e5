"""Two stages in one run: the second trains what it names, under its own sampler, and no more."""

import pandas as pd
import pytest
import torch

from aduni.results import RunFolder
from aduni.run import run
from composing import settings_of

METHOD = {
    "_target_": "two_stages.TwoStages",
    "classifier_sampler": {"_target_": "aduni.data.samplers.Balanced", "epoch_length": 3},
}


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
        f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}",
    )
    settings.method = METHOD
    return run(settings, RunFolder(folder)), RunFolder(folder)


def _state(folder: RunFolder, name: str, stage: str = "") -> dict[str, torch.Tensor]:
    state = torch.load(folder.checkpoint(name, stage), weights_only=True)["state_dict"]
    return {key: value for key, value in state.items() if key.startswith("method.")}


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
    metrics, folder = finished
    best = torch.load(folder.checkpoint("best"), weights_only=True)

    assert best["aduni"]["stage"] == "classifier"
    assert metrics["selected_epoch"] == best["epoch"]
