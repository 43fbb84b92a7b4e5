"""12-bit X-rays in 16-bit files, from the audit to a served model."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from aduni.evaluation.trained_model import load_trained


@pytest.fixture(scope="module")
def rays(tmp_path_factory):
    """Two classes of 16-bit pictures whose grey levels end at 4,000."""
    folder = tmp_path_factory.mktemp("bits") / "rays"
    y, x = np.mgrid[0:40, 0:40]
    for number in range(32):
        rng, kind = np.random.default_rng(number), number % 2
        spot = np.exp(-((x - 20) ** 2 + (y - 10 - 20 * kind) ** 2) / 60)
        levels = (400 + 3000 * spot + rng.integers(0, 600, (40, 40))).clip(0, 4000)
        levels[0, 0] = 4000
        file = folder / "ab"[kind] / f"{number:02d}.{'tif' if number % 4 > 1 else 'png'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(levels.astype(np.uint16)).save(file)
    return folder


def _train(train, rays, *options, **place):
    """Train by the fixture `train` or `past_run`."""
    own = ("dataset=folder", f"dataset.root={rays}", "dataset.image_size=32")
    return train(*own, "epochs=1", "batch_size=8", "method=ce", *options, **place)


def _expected(ckpt, files):
    """(n, C) calibrated probabilities of the upper eight of twelve bits."""
    trained = load_trained(ckpt)
    pixels = []
    for file in files:
        levels = (np.asarray(Image.open(file)) >> 4).astype(np.uint8)
        image = Image.fromarray(levels).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
        pixels.append(np.asarray(image).transpose(2, 0, 1))
    with torch.inference_mode():
        logits = trained.method(torch.from_numpy(np.stack(pixels))).double()
    return trained.calibration.probabilities(logits.softmax(dim=1).numpy())


def test_the_audit_says_which_bits_to_set(command, rays, tmp_path):
    given = ("dataset=folder", f"dataset.root={rays}", f"output={tmp_path / 'audit'}")
    words = {}
    for bits in ("16", "auto"):
        finished = command("prepare", *given, f"dataset.bits={bits}")
        assert finished.status == 0, finished.err
        words[bits] = " ".join(finished.out.split())

    held = "32 images of 16 bits hold grey levels up to 4000"
    assert f"{held} and are read as 16 bits. Warning: {held}; with" in words["16"]
    assert "dataset.bits=16 they use 16 of 256 levels: set dataset.bits=12, or auto." in words["16"]
    assert "Warning: No pixel of any image is above 15 of 255" in words["16"]
    assert f"{held} and are read as 12 bits." in words["auto"]
    assert "Warning" not in words["auto"]


def test_a_training_on_nearly_black_pictures_says_so_first(train, rays):
    finished, _ = _train(train, rays)

    assert finished.status == 0, finished.err
    assert "No pixel of any image is above 15 of 255" in " ".join(finished.out.split())


@pytest.mark.slow
def test_the_bits_go_with_the_model(train, command, rays, root, tmp_path):
    finished, run = _train(train, rays, "dataset.bits=auto", "encoder.name=resnet18")
    assert finished.status == 0, finished.err
    assert "read as 12 bits" in " ".join(finished.out.split())
    ckpt = run / "checkpoints" / "best.ckpt"
    assert load_trained(ckpt).settings.dataset["bits"] == 12
    files = sorted(rays.rglob("*.*"))[:6]
    expected = _expected(ckpt, files)

    output = tmp_path / "new.csv"
    images = f"images=[{','.join(map(str, files))}]"
    finished = command("predict", f"ckpt={ckpt}", images, f"output={output}")
    assert finished.status == 0, finished.err
    found = pd.read_csv(output)[["p_a", "p_b"]].to_numpy()
    assert np.abs(found - expected).max() < 1e-6

    model = tmp_path / "model.onnx"
    finished = command("export", f"ckpt={ckpt}", "format=onnx", f"output={model}", images)
    assert finished.status == 0, finished.err
    served = subprocess.run(
        [sys.executable, root / "examples" / "serve_onnx.py", model, *files],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=True,
    )
    lines = [line.split()[1:] for line in served.stdout.splitlines()]
    numbers = np.array([[float(word.split("=")[1]) for word in line] for line in lines])
    assert np.abs(numbers - expected).max() < 1e-5

    finished = command("explain", f"ckpt={ckpt}", images, f"output={tmp_path / 'page'}", "errors=1")
    assert finished.status == 0, finished.err
    again = command("evaluate", f"ckpt={ckpt}", f"output={tmp_path / 'again'}")
    assert again.status == 0, again.err
    first, second = (pd.read_csv(f / "predictions.csv") for f in (run, tmp_path / "again"))
    pd.testing.assert_frame_equal(first, second, rtol=1e-5)


def test_a_new_picture_beyond_the_range_is_refused_by_name(past_run, command, rays, tmp_path):
    run = _train(past_run, rays, "dataset.bits=12")
    bright, dark = tmp_path / "bright.png", tmp_path / "dark.png"
    Image.fromarray(np.full((40, 40), 4096, dtype=np.uint16)).save(bright)
    Image.fromarray(np.full((40, 40), 4095, dtype=np.uint16)).save(dark)
    given = (f"ckpt={run / 'checkpoints' / 'best.ckpt'}", f"images=[{bright},{dark}]")
    output = tmp_path / "new.csv"

    finished = command("predict", *given, f"output={output}")
    assert finished.status == 1
    assert f"{bright} has grey levels up to 4096, and dataset.bits=12 ends at 4095" in finished.err
    assert "as the model was trained; convert it to that range, or leave it out." in finished.err
    assert not output.exists()
    finished = command("predict", *given, f"output={output}", "skip_unreadable=true")
    assert finished.status == 0
    assert pd.read_csv(output)["image"].tolist() == [str(dark)]


def test_models_of_several_bits_each_get_their_own_pixels(past_run, command, rays, tmp_path):
    runs = [_train(past_run, rays, f"dataset.bits={bits}", folder=f"r{bits}") for bits in (12, 16)]
    files, found = sorted(rays.rglob("*.*"))[:4], []
    both = [str(run / "checkpoints" / "best.ckpt") for run in runs]
    for number, given in enumerate((both[:1], both[1:], both)):
        output = tmp_path / f"{number}.csv"
        images = f"images=[{','.join(map(str, files))}]"
        finished = command("predict", f"ckpt=[{','.join(given)}]", images, f"output={output}")
        assert finished.status == 0, finished.err
        found.append(pd.read_csv(output)[["p_a", "p_b"]].to_numpy())

    assert np.abs(found[0] - found[1]).max() > 1e-4
    assert np.abs((found[0] + found[1]) / 2 - found[2]).max() < 1e-6


@pytest.mark.parametrize("value", ["11", "32", "none", "-8"])
def test_other_bits_are_refused(train, rays, value):
    finished, run = _train(train, rays, f"dataset.bits={value}")

    assert finished.status == 1
    assert "dataset.bits=" in finished.err
    assert "8, 10, 12, 14, 16 or 'auto'" in finished.err
    assert not (run / "config.yaml").exists()


def test_a_first_stage_of_other_bits_is_not_reused(train, past_run, rays):
    first = _train(past_run, rays, "dataset.bits=12", folder="first")
    stage = f"method.stage1_ckpt={first / 'checkpoints' / 'best.ckpt'}"
    finished, _ = _train(train, rays, "method=decouple", stage, folder="second")

    assert finished.status == 1
    assert "was trained with dataset.bits=12, this run has 16" in finished.err


def test_auto_is_the_same_run_when_it_is_resumed(train, past_run, rays):
    options = ("dataset.bits=auto",)
    run = _train(past_run, rays, *options)
    (run / "metrics.json").unlink()
    finished, _ = _train(train, rays, *options, "resume=auto")

    assert finished.status == 0, finished.err
