"""Comparison with the checkpoint, and the settings of export.py."""

import numpy as np
import pytest
import torch
from exported_models import exported
from omegaconf import OmegaConf
from PIL import Image

from aduni.errors import UserError
from aduni.inference.export.comparison import (
    check_images,
    largest_difference,
    original_probabilities,
)
from aduni.inference.export.export_settings import PACKAGES, check_packages, read_export_settings


def test_made_images_are_32_and_always_the_same():
    images = check_images(None, 20)

    assert (images.shape, images.dtype) == ((32, 3, 20, 20), np.uint8)
    assert np.array_equal(images, check_images(None, 20))
    assert len({image.tobytes() for image in images}) == 32
    steps = np.abs(np.diff(images.astype(int), axis=3)).mean(axis=(1, 2, 3))
    assert steps[16:].max() < 30 < steps[:16].min()  # smooth ones and noise


@pytest.mark.parametrize(("held", "taken"), [(1, 1), (32, 32), (33, 17), (70, 24)])
def test_images_of_a_folder_are_taken_at_equal_distances(held, taken, tmp_path):
    for number in range(held):
        Image.new("RGB", (9, 7), (number, 0, 0)).save(tmp_path / f"{number:03}.png")
    images = check_images([str(tmp_path)], 5)

    every = -(-held // 32)
    assert images.shape == (taken, 3, 5, 5)
    assert images[:, 0, 0, 0].tolist() == list(range(0, held, every))


def test_a_damaged_image_is_named(tmp_path, refusal):
    (tmp_path / "a.png").write_bytes(b"no image")

    refusal(lambda: check_images([str(tmp_path)], 5), "a.png")


@pytest.mark.parametrize("count", [1, 3, 4, 32])
def test_the_largest_difference_is_found_wherever_it_is(count):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 3, 2, 2), dtype=np.uint8)
    expected = rng.random((count, 5))
    batches = []

    def run(batch):
        batches.append(len(batch))
        return table[[place[image.tobytes()] for image in batch]]

    place = {image.tobytes(): i for i, image in enumerate(images)}
    for row in {0, count // 2, count - 1}:
        table = expected.copy()
        table[row, 2] -= 0.25
        assert largest_difference(run, images, expected) == pytest.approx(0.25)
    table = expected
    assert largest_difference(run, images, expected) == 0
    assert set(batches) == {1: {1}, 3: {1, 2}, 4: {1, 3}, 32: {1, 3, 28}}[count]


def test_a_probability_that_is_no_number_is_no_agreement():
    nothing = np.full((4, 2), np.nan)
    images = np.zeros((4, 3, 1, 1), np.uint8)

    difference = largest_difference(lambda batch: nothing[: len(batch)], images, np.ones((4, 2)))
    assert np.isnan(difference)


def test_the_original_is_the_calibrated_softmax(tmp_path):
    model = exported(tmp_path, "method=ce")

    found = original_probabilities(model.trained, model.images)
    assert np.abs(found - model.probabilities).max() < 1e-6


def test_outputs_that_are_not_finite_are_refused(tmp_path, refusal):
    model = exported(tmp_path, "method=ce")
    with torch.no_grad():
        model.trained.method.classifier.linear.bias[0] = float("inf")

    refusal(lambda: original_probabilities(model.trained, model.images), "best.ckpt", "not finite")


def _read(**changes):
    given = {"ckpt": "a.ckpt", "format": "onnx", "output": "a.onnx", "images": None}
    return read_export_settings(OmegaConf.create(given | {"trust": [], "verbose": False} | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"format": "tflite"},
            ("format=tflite", "one of onnx, pt2, safetensors, huggingface"),
        ),
        ({"format": "onx"}, ("did you mean onnx?", "choose one of")),
        ({"output": "model.pt2"}, ("output=model.pt2", "does not end in .onnx", "format=onnx")),
        ({"output": "model"}, ("output=model", "add .onnx")),
        ({"format": "pt2"}, ("output=a.onnx", "add .pt2")),
        ({"output": "???"}, ("output is missing", "give it")),
        ({"ckpt": "???"}, ("ckpt is missing", "give it")),
        ({"colour": 1}, ("colour is not a known key", "remove it")),
    ],
)
def test_settings_that_are_wrong_are_named(changes, words, refusal):
    refusal(lambda: _read(**changes), *words)


def test_one_source_of_images_need_not_be_a_list():
    assert _read(images="folder").images == ["folder"]
    assert _read(images=["a", 7]).images == ["a", "7"]
    assert _read(output="A.ONNX").output.name == "A.ONNX"
    assert _read(format="huggingface", output="folder.d").output.name == "folder.d"


@pytest.mark.parametrize("package", PACKAGES["onnx"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package, monkeypatch, refusal
):
    monkeypatch.setitem(__import__("sys").modules, package, None)

    refusal(lambda: check_packages("onnx"), f"needs {package};", "pip install 'aduni[export]'")
    check_packages("pt2")


def test_folders_for_the_hub_need_timm(monkeypatch, refusal):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)

    refusal(lambda: check_packages("huggingface"), "needs timm;", "pip install 'aduni[timm]'")


def test_other_formats_need_no_package_of_the_extra():
    extra = {"onnx", "onnxscript", "onnxruntime"}
    assert not any(extra & {*PACKAGES.get(name, ())} for name in ("pt2", "safetensors"))
    assert issubclass(UserError, Exception)
