"""Test that weights are loaded without executing code, and only if they are as published."""

import os
import re
from pickle import UnpicklingError

import pytest
import torch
from torchvision import models

from aduni.errors import UserError
from aduni.models.backbones import torchvision as module
from aduni.models.backbones.torchvision import DIGEST_PREFIX, WEIGHTS_ONLY_VARIABLE, load_pretrained

NAME, FILE = "shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth"


class Malicious:
    """Object that creates a file when it is unpickled without restrictions."""

    def __init__(self, file):
        self._file = str(file)

    def __reduce__(self):
        return os.mkdir, (self._file,)


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return the path where torch looks before it uses the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / FILE
    file.parent.mkdir(parents=True)
    return file


def test_another_file_in_the_published_ones_place_is_refused(planted, tmp_path):
    torch.save({"weight": Malicious(tmp_path / "ran")}, planted)

    with pytest.raises(UserError, match=rf"{re.escape(FILE)} is not the file .*; delete it"):
        load_pretrained(NAME, "DEFAULT")
    assert not (tmp_path / "ran").exists()


def test_not_even_a_file_with_the_right_digits_is_executed(planted, tmp_path, monkeypatch):
    torch.save({"weight": Malicious(tmp_path / "ran")}, planted)
    monkeypatch.setattr(module, "_check_digest", lambda file: None)

    with pytest.raises(UnpicklingError):
        load_pretrained(NAME, "DEFAULT")
    assert not (tmp_path / "ran").exists()
    assert WEIGHTS_ONLY_VARIABLE not in os.environ


def test_the_weights_are_those_of_the_file(planted, monkeypatch):
    torch.manual_seed(1)
    published = models.get_model(NAME, weights=None).state_dict()
    torch.save(published, planted)
    monkeypatch.setattr(module, "_check_digest", lambda file: None)

    found = load_pretrained(NAME, "DEFAULT").state_dict()

    assert all(torch.equal(found[key], value) for key, value in published.items())


def test_every_published_file_is_named_by_its_digest():
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            assert DIGEST_PREFIX.search(weights.url), weights
