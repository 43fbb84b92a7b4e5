"""python src/export.py format=huggingface: a folder that timm opens without a network."""

import json
import socket

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from huggingface_hub import ModelCard
from PIL import Image

from aduni.inference.export.huggingface.folder import ModelFolder

FILES = ["README.md", "config.json", "model.safetensors"]


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def photographs(tmp_path):
    """Images of several shapes."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, size in enumerate([(40, 30), (16, 16), (25, 70)]):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def _by_timm(folder, photographs):
    """Compute probabilities as the card shows."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    files = sorted(photographs.iterdir())
    images = torch.stack([transform(Image.open(file).convert("RGB")) for file in files])
    with torch.inference_mode():
        logits = model(images)
    temperature = json.loads((folder / "config.json").read_text())["aduni"]["temperature"]
    return (logits / temperature).softmax(dim=1).numpy()


def test_timm_gives_what_predict_gives(command, past_run, tmp_path, photographs, offline):
    run, output = past_run("method=ce", "encoder.name=timm/test_resnet"), tmp_path / "new" / "hub"
    given = ("format=huggingface", f"output={output}")

    finished = command("export", f"ckpt={run}", *given, f"images={photographs}")
    assert (finished.status, finished.err) == (0, "")
    assert finished.out.endswith("the largest difference of a probability. timm opens it.\n")
    assert sorted(file.name for file in output.iterdir()) == FILES
    assert [each.name for each in output.parent.iterdir()] == ["hub"]
    table = tmp_path / "predictions.csv"
    command("predict", f"ckpt={run}", f"images={photographs}", f"output={table}")
    expected = pd.read_csv(table).filter(like="p_").to_numpy()
    found = _by_timm(output, photographs)
    assert np.abs(found - expected).max() < 1e-5
    assert expected.std(axis=0).max() > 2e-4

    metrics = json.loads((run / "metrics.json").read_text())
    card = ModelCard.load(output / "README.md")
    assert (card.data.library_name, card.data.license) == ("timm", None)
    assert card.data.pipeline_tag == "image-classification"
    values = {each.metric_type: each.metric_value for each in card.data.eval_results}
    assert values["f1"] == pytest.approx(metrics["test"]["macro_f1"], abs=1e-4)
    assert values["accuracy"] == pytest.approx(metrics["test"]["accuracy"], abs=1e-4)
    assert f"Temperature: {metrics['temperature']:.4f}" in card.text
    assert "Not a medical device" in card.text
    assert "16 x 16 pixels whatever the image's shape" in card.text
    assert str(tmp_path) not in card.content + (output / "config.json").read_text()


def test_an_existing_folder_keeps_its_other_files(command, past_run, tmp_path):
    run, output = past_run("method=ce", "encoder.name=timm/test_resnet"), tmp_path / "clone"
    output.mkdir()
    for name in (".gitattributes", "config.json"):
        (output / name).write_text("older")
    last = run / "checkpoints" / "last.ckpt"
    words = (f"ckpt={last}", "format=huggingface", f"output={output}")
    finished = command("export", *words)

    assert finished.status == 1
    assert f"{output / 'config.json'} is of no earlier export" in finished.err
    (output / "config.json").write_text('{"aduni": {}}')
    finished = command("export", *words)

    assert finished.status == 0, finished.err
    assert sorted(file.name for file in output.iterdir()) == [".gitattributes", *FILES]
    assert "architecture" in json.loads((output / "config.json").read_text())
    card = ModelCard.load(output / "README.md")  # of a checkpoint that was not tested
    assert card.data.eval_results is None
    assert "No metrics" in card.text


def test_what_differs_leaves_nothing(command, past_run, tmp_path, monkeypatch):
    run = past_run("method=ce", "encoder.name=timm/test_resnet")
    monkeypatch.setattr(ModelFolder, "runner", lambda *_: lambda images: np.ones((len(images), 10)))
    output = tmp_path / "hub"
    finished = command("export", f"ckpt={run}", "format=huggingface", f"output={output}")

    assert finished.status == 1
    assert f"{output} was not kept: its probabilities differ" in finished.err
    assert [each.name for each in tmp_path.iterdir() if "hub" in each.name] == []


def test_a_file_in_place_of_the_folder_is_named(command, tmp_path):
    for name in ("hub", "a.ckpt"):
        (tmp_path / name).touch()
    given = (f"ckpt={tmp_path / 'a.ckpt'}", "format=huggingface", f"output={tmp_path / 'hub'}")
    finished = command("export", *given)

    assert (finished.status, finished.err.count("\n")) == (1, 1)
    assert "hub is a file; give the folder another name" in finished.err
