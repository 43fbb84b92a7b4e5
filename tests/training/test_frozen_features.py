"""Training on a frozen encoder's cached features: as on images, for every method."""

import numpy as np
import pandas as pd
import pytest

from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from composing import networks, settings_of

FOUR_BATCHES = ("sampler.epoch_length=4", "batch_size=50", "num_workers=0", "trainer=cpu")


@pytest.fixture
def finish(tmp_path, digits_cache):
    """A finished run with a frozen encoder, of two epochs."""

    def call(name, *overrides):
        settings = settings_of(
            *FOUR_BATCHES,
            "encoder.name=shufflenet_v2_x0_5",
            "encoder.adaptation=frozen",
            "encoder.feature_views=2",
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
    finish, method, digits_cache, tmp_path
):
    folder = finish(method, f"method={method}")
    output = tmp_path / "evaluation"
    _, from_images = evaluate_checkpoint(folder.checkpoint("best"), None, str(digits_cache), output)
    assert np.allclose(probabilities(folder), probabilities(from_images), atol=1e-4)
    history = pd.read_csv(folder.history)
    assert np.isfinite(history["loss"]).all()


def test_mixup_needs_an_encoder_that_sees_images(finish):
    with pytest.raises(UserError, match=r"set method.mixup=0 or encoder.adaptation=norm_bias"):
        finish("mixed", "method=ce", "method.mixup=0.2")
