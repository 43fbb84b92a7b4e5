"""A callable of the user's is an encoder, if it returns features of each image."""

import re
import sys
from pathlib import Path

import pytest
import torch

from aduni.models.encoder import Encoder

OWN = """
import torch
from torch import nn

class Counting(nn.Module):
    '''Keeps state: a buffer, and extra state that is not a tensor.'''

    def __init__(self, width=6):
        super().__init__()
        self.linear = nn.Linear(3, width)
        self.register_buffer("images", torch.zeros((), dtype=torch.long))
        self.steps = 0

    def forward(self, images):
        if self.training:
            self.images += len(images)
            self.steps += 1
        return self.linear(images.mean(dim=(2, 3)))

    def get_extra_state(self):
        return {"steps": self.steps}

    def set_extra_state(self, state):
        self.steps = state["steps"]

def wide():
    return Counting(8)

def maps():
    return nn.Conv2d(3, 4, 1)

def flat():
    return nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (1, -1)), nn.Flatten(0))

def pair():
    class Pair(nn.Module):
        def forward(self, images):
            return images.flatten(1), images
    return Pair()

def failing():
    class Failing(nn.Module):
        def forward(self, images):
            raise KeyError("position")
    return Failing()

def needs(width):
    return Counting(width)

def broken():
    raise ValueError("boom")

number = 3
"""
NORMALISATION = {"mean": [0.5] * 3, "std": [0.25] * 3}


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Write a module outside the package."""
    (tmp_path / "own_encoder.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_encoder", raising=False)
    yield
    sys.modules.pop("own_encoder", None)


@pytest.mark.parametrize(("name", "features"), [("Counting", 6), ("wide", 8)])
def test_functions_and_classes_are_called(name, features):
    encoder = Encoder(f"own_encoder.{name}", image_size=5, **NORMALISATION)
    images = torch.full((2, 3, 5, 5), 255, dtype=torch.uint8)

    found = encoder.eval()(images)

    assert encoder.features == features
    # (1 - mean) / std = 2 in every channel
    expected = encoder.backbone.linear(torch.full((2, 3), 2.0))
    torch.testing.assert_close(found, expected)
    assert encoder.backbone.steps == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("maps", "maps one image, (1, 3, 5, 5), to (1, 4, 5, 5); it must be (1, D)"),
        ("flat", "to (75,); it must be (1, D)"),
        ("pair", "to tuple; it must be (1, D)"),
        ("failing", "cannot take images of dataset.image_size=5 pixels ('position')"),
        ("needs", "cannot be called without arguments (TypeError: needs() missing 1"),
        ("broken", "cannot be called without arguments (ValueError: boom); correct it"),
        ("number", "is not a function or class of own_encoder"),
        ("wid", "(did you mean wide?)"),
        ("torch.cuda.device_count", "own_encoder.torch.cuda"),
    ],
)
def test_others_are_refused(name, words, refusal):
    refusal(lambda: Encoder(f"own_encoder.{name}", image_size=5, **NORMALISATION), words)


def test_the_documented_example_is_an_encoder(tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[3] / "docs" / "encoders.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    (tmp_path / "documented_encoder.py").write_text(code)

    encoder = Encoder("documented_encoder.Plain", image_size=16, **NORMALISATION)

    assert encoder.features == 64
    monkeypatch.delitem(sys.modules, "documented_encoder")


def test_a_function_that_returns_no_module_is_refused(refusal):
    refusal(lambda: Encoder("os.getcwd", image_size=5, **NORMALISATION), "returns str; it must be")


def test_a_module_that_does_not_exist_is_refused(refusal):
    name = "no_such_package.net"
    refusal(lambda: Encoder(name, image_size=5, **NORMALISATION), "No module named", "PYTHONPATH")


def test_a_module_with_a_fault_is_refused(tmp_path, refusal):
    (tmp_path / "faulty_encoder.py").write_text("import no_such_package")
    name = "faulty_encoder.net"
    refusal(lambda: Encoder(name, image_size=5, **NORMALISATION), "No module named 'no_such_pack")


def test_named_weights_and_the_small_stem_are_refused(refusal):
    name = "own_encoder.wide"
    refusal(lambda: Encoder(name, "DEFAULT", image_size=5, **NORMALISATION), "weights=null")
    refusal(lambda: Encoder(name, stem="small", image_size=5, **NORMALISATION), "stem=standard")
