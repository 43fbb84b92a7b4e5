"""Training on a frozen encoder's cached features: as on images, for every method."""

import numpy as np
import pandas as pd
import pytest

from aduni.data.loading.feature_extraction import FeatureExtraction
from aduni.data.module import ImageDataModule
from aduni.data.shard import Shard
from aduni.errors import UserError
from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
from aduni.results.run_folder import RunFolder
from aduni.training.feature_shard import extract_shard
from aduni.training.run import run
from composing import networks, settings_of

FROZEN = (
    "encoder.name=shufflenet_v2_x0_5",
    "encoder.adaptation=frozen",
    "encoder.feature_views=2",
)
FOUR_BATCHES = ("sampler.epoch_length=4", "batch_size=50", "num_workers=0", "trainer=cpu")


@pytest.fixture
def finish(tmp_path, digits_cache):
    """A finished run with a frozen encoder, of two epochs."""

    def call(name, *overrides):
        settings = settings_of(
            *FOUR_BATCHES,
            *FROZEN,
            "epochs=2",
            f"dataset.cache_dir={digits_cache}",
            *overrides,
        )
        folder = RunFolder(tmp_path / name)
        run(settings, folder)
        return folder

    return call


def probabilities(folder):
    return pd.read_csv(folder.predictions).filter(regex="^p_").to_numpy()


def test_probabilities_are_those_of_a_training_on_images(finish, monkeypatch):
    on_features = finish("features", "method=ce")
    monkeypatch.setattr(ImageDataModule, "use_features", lambda *arguments: None)
    on_images = finish("images", "method=ce")
    assert np.allclose(probabilities(on_features), probabilities(on_images), atol=1e-3)
    assert probabilities(on_features).std() > 0


@pytest.mark.parametrize("method", networks())
def test_every_method_trains_on_features_and_predicts_from_images(
    finish, method, digits_cache, tmp_path, monkeypatch
):
    monkeypatch.setattr("aduni.config.build._check_grades", lambda *_: None)  # digits are none
    others = (
        ("method.mixing.kind=none",) if method == "mislas" else ()
    )  # a frozen encoder cannot mix
    folder = finish(method, f"method={method}", *others)
    output = tmp_path / "evaluation"
    _, from_images = evaluate_checkpoint(folder.checkpoint("best"), None, str(digits_cache), output)
    assert np.allclose(probabilities(folder), probabilities(from_images), atol=1e-4)
    history = pd.read_csv(folder.history)
    assert np.isfinite(history["loss"]).all()


def test_mixing_needs_an_encoder_that_sees_images(finish):
    with pytest.raises(
        UserError, match=r"set method.mixing.kind=none or encoder.adaptation=norm_bias"
    ):
        finish("mixed", "method=ce", "method.mixing.kind=mixup")


def test_training_takes_the_features_of_shards(finish, digits_cache, monkeypatch):
    cache = f"dataset.cache_dir={digits_cache}"
    settings = settings_of(*FOUR_BATCHES, *FROZEN, "method=ce", "seed=5", cache)
    for number in (1, 2):
        done = extract_shard(settings, Shard(number, 2))
        assert done.startswith(f"Shard {number}/2 of the features is complete: ")
    monkeypatch.setattr(FeatureExtraction, "_batches", None)  # would raise TypeError
    assert np.isfinite(probabilities(finish("merged", "method=ce", "seed=5"))).all()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("encoder.adaptation=full",), "add recipe=frozen, or leave shard out"),
        (("method=dummy", *FROZEN), "aduni.methods.Floor has not; leave shard out"),
    ],
)
def test_shards_without_a_frozen_encoder_are_refused(overrides, words, digits_cache):
    settings = settings_of(*overrides, f"dataset.cache_dir={digits_cache}")
    with pytest.raises(UserError, match=words):
        extract_shard(settings, Shard(1, 2))


def test_shard_is_not_stored():
    settings = settings_of("shard=1/2")
    assert settings.shard == Shard(1, 2)
    assert "shard" not in settings.model_dump()
