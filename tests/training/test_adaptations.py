"""Every adaptation of an encoder trains, resumes, predicts and exports, with CE and AdUni."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning import seed_everything

from aduni.config.build import build_method
from aduni.config.schema import Settings
from aduni.data.cache.decode import ALL_BITS
from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
from aduni.evaluation.trained_model import load_trained
from aduni.inference.export.comparison import check_images, original_probabilities
from aduni.inference.export.export import export
from aduni.inference.export.export_settings import ExportSettings
from aduni.inference.export.safetensors_file import load
from aduni.models import adaptation
from aduni.models.adaptation import is_norm_or_bias
from aduni.results.run_folder import RunFolder
from aduni.training.lightning_module import StageModule
from aduni.training.run import run
from composing import settings_of

TRUST = ["tiny_vit"]

FAST = [("ce", "norm_bias"), ("ce", "lora"), ("aduni", "full")]
SLOW = [
    *(("ce", kind) for kind in ("full", "frozen")),
    *(("aduni", kind) for kind in ("norm_bias", "lora", "frozen")),
    *((method, "lora") for method in ("paco", "cicl", "decouple")),
]
CASES = [*FAST, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)]


@dataclass
class Run:
    """A finished run of two epochs."""

    settings: Settings
    folder: RunFolder
    adaptation: str

    @property
    def best(self) -> Path:
        return self.folder.checkpoint("best")

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the encoder's weights after the last epoch."""
        state = torch.load(self.folder.checkpoint("last"), weights_only=True)["state_dict"]
        own = "method.encoder.backbone."
        return {key.removeprefix(own): v for key, v in state.items() if key.startswith(own)}


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def finished(request, tmp_path_factory, digits_cache) -> Run:
    method, kind = request.param
    settings = settings_of(
        f"method={method}",
        "recipe=finetune",
        "encoder=resnet18",
        "encoder.name=tiny_vit.build",
        f"encoder.adaptation={kind}",
        "encoder.layer_decay=0.5",
        "lr=0.01",
        "epochs=2",
        "batch_size=50",
        "sampler.epoch_length=4",
        "num_workers=0",
        "trainer=cpu",
        "trust=[tiny_vit]",
        f"dataset.cache_dir={digits_cache}",
    )
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    run(settings, folder)
    return Run(settings, folder, kind)


def initial_weights(settings: Settings) -> dict[str, torch.Tensor]:
    seed_everything(settings.seed, verbose=False)
    method = build_method(settings, np.full(10, 100))
    return {key: value.clone() for key, value in method.encoder.backbone.state_dict().items()}


def test_what_may_learn_moved_and_the_rest_did_not(finished):
    before, after = initial_weights(finished.settings), finished.weights()

    assert before.keys() == after.keys()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    small = {key for key, value in before.items() if is_norm_or_bias(key, value)}
    expected = {
        "full": set(before),
        "norm_bias": small,
        "lora": {key for key in before if ".lora_" in key},
        "frozen": set(),
    }
    assert moved == expected[finished.adaptation]
    assert pd.read_csv(finished.folder.history)["loss"].notna().all()


def test_a_stopped_run_goes_on_to_the_same_weights(finished, tmp_path, monkeypatch):
    begin = StageModule.on_train_epoch_start

    def stop(module):
        if module.current_epoch == 1:
            raise InterruptedError
        begin(module)

    folder = RunFolder(tmp_path)
    monkeypatch.setattr(StageModule, "on_train_epoch_start", stop)
    with pytest.raises(InterruptedError):
        run(finished.settings, folder)
    monkeypatch.undo()
    assert not folder.metrics.exists()
    run(finished.settings.model_copy(update={"resume": str(tmp_path)}), folder)

    resumed = Run(finished.settings, folder, finished.adaptation)
    assert folder.predictions.read_text() == finished.folder.predictions.read_text()
    first, second = finished.weights(), resumed.weights()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_checkpoint_predicts_what_the_run_did(finished, tmp_path):
    cache = finished.settings.dataset["cache_dir"]
    _, folder = evaluate_checkpoint(finished.best, None, cache, tmp_path, TRUST)

    ours, theirs = (
        pd.read_csv(each.predictions).filter(regex="^p_") for each in (finished.folder, folder)
    )
    # Features that were cached are rounded otherwise than those of another batch.
    tolerance = 1e-4 if finished.adaptation == "frozen" else 0
    np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=0)


def test_an_export_gives_the_same_probabilities_without_peft(finished, tmp_path, monkeypatch):
    output = tmp_path / "model.safetensors"
    export(
        ExportSettings(
            ckpt=str(finished.best),
            format="safetensors",
            output=output,
            images=None,
            trust=TRUST,
            verbose=False,
        )
    )
    images = check_images(None, 16, ALL_BITS)
    expected = original_probabilities(load_trained(finished.best, TRUST), images)

    monkeypatch.setattr(adaptation, "find_spec", lambda name: None)
    model = load(output, TRUST)

    with torch.inference_mode():
        _, found = model(torch.from_numpy(images))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5, rtol=0)
    assert not any("lora" in name for name in model.state_dict())
