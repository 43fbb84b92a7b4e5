"""evaluate.py, predict.py and explain.py give on a GPU what they give on the CPU."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
from aduni.evaluation.trained_model import load_trained
from aduni.inference.explain.explain import explain
from aduni.inference.explain.explain_settings import ExplainSettings
from aduni.inference.explain.grad_cam import find_layer, grad_cam
from aduni.inference.predict.predict import predict
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from composing import settings_of
from own_data import class_folders

TOLERANCE = 1e-2
"""Of probabilities: convolutions are in TF32 on a GPU."""


@pytest.fixture(scope="module")
def trained(quick, tmp_path_factory) -> tuple[RunFolder, Path]:
    """A run on class folders, with the folder of its images."""
    base = tmp_path_factory.mktemp("trained")
    class_folders(base / "images", sizes=(30, 30, 30))
    folder = RunFolder(base / "run")
    folder.path.mkdir()
    own = ("dataset=folder", f"dataset.root={base / 'images'}", "dataset.image_size=32")
    small = ("batch_size=16", "encoder.name=resnet18")
    run(settings_of(*quick, *own, *small, "method=ce"), folder)
    return folder, base / "images"


@pytest.fixture
def on_the_cpu(monkeypatch):
    """Within it, the commands find no GPU."""

    @contextmanager
    def hidden():
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: False)
            yield

    return hidden


def probabilities(file: Path) -> pd.DataFrame:
    return pd.read_csv(file).filter(regex="^p_")


def test_evaluate(trained, on_the_cpu, tmp_path):
    folder, _ = trained
    cache = load_trained(folder.checkpoint("best")).settings.dataset["cache_dir"]

    def evaluated(name: str) -> pd.DataFrame:
        evaluate_checkpoint(folder.checkpoint("best"), None, cache, tmp_path / name)
        return probabilities(RunFolder(tmp_path / name).predictions)

    found = evaluated("device")
    with on_the_cpu():
        expected = evaluated("cpu")
    assert abs(found - expected).max(axis=None) <= TOLERANCE


def test_predict(trained, on_the_cpu, tmp_path):
    folder, images = trained

    def predicted(name: str) -> tuple[pd.DataFrame, np.ndarray]:
        output, features = tmp_path / f"{name}.csv", tmp_path / f"{name}.npy"
        settings = PredictSettings(
            ckpt=[str(folder.checkpoint("best"))],
            images=[str(images)],
            output=output,
            batch_size=16,
            tta=2,
            skip_unreadable=False,
            calibrated="auto",
            class_frequency=None,
            embeddings=features,
            trust=[],
            verbose=False,
        )
        predict(settings)
        return probabilities(output), np.load(features)

    found, found_features = predicted("device")
    with on_the_cpu():
        expected, features = predicted("cpu")
    assert abs(found - expected).max(axis=None) <= TOLERANCE
    assert abs(found_features - features).max() <= TOLERANCE * abs(features).max()


def test_explain(trained, on_the_cpu, tmp_path):
    folder, images = trained
    cache = load_trained(folder.checkpoint("best")).settings.dataset["cache_dir"]

    def explained(name: str) -> pd.DataFrame:
        settings = ExplainSettings(
            ckpt=str(folder.checkpoint("best")),
            images=[str(images / "benign")],
            output=str(tmp_path / name),
            dataset={"root": None, "cache_dir": cache},
            neighbours=2,
            target="predicted",
            layer="auto",
            errors=3,
            trust=[],
            verbose=False,
        )
        page = explain(settings)
        return pd.read_csv(page.parent / "tables" / "neighbours.csv")

    found = explained("device")
    with on_the_cpu():
        expected = explained("cpu")
    numbers = expected.select_dtypes("number").columns
    assert len(found) == len(expected)
    assert np.allclose(found[numbers], expected[numbers], atol=TOLERANCE)


@pytest.mark.usefixtures("exact")
def test_heat_maps(trained, device):
    folder, _ = trained
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    maps = []
    for place in (torch.device("cpu"), device):
        method = load_trained(folder.checkpoint("best")).method
        layer = find_layer(method.encoder, "auto", 32, "resnet18")
        method.to(place)
        maps.append(grad_cam(method, layer, images.to(place), 0, 32).cpu())

    expected, found = maps
    assert (found - expected).abs().max() <= TOLERANCE * expected.max().clamp(min=1e-6)
