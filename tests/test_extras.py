"""A setting whose packages are an extra names it where they are missing."""

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import MissingConfigException
from torchvision.models import vit_b_16

from aduni.cli.error_messages import describe_error
from aduni.data.cache.decode import decode_image
from aduni.data.datasets.medmnist import _info
from aduni.errors import UserError
from aduni.inference.export.export_settings import check_packages
from aduni.models.adaptation import adapt
from aduni.models.backbones.timm import architecture_of
from aduni.training.trackers.trackers import _build

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
EXTRAS = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
OF_DEVELOPERS = {"dev", "docs", "jupyter"}


def _launch() -> None:
    missing = MissingConfigException("", "hydra/launcher/joblib", options=["basic"])
    raise UserError(describe_error(missing))


def _heic(folder: Path) -> None:
    file = folder / "image.heic"
    file.write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    try:
        decode_image(file)
    except Exception as error:
        raise UserError(str(error)) from error


def _dicom(folder: Path) -> None:
    file = folder / "image.dcm"
    file.write_bytes(bytes(128) + b"DICM" + bytes(20))
    try:
        decode_image(file)
    except Exception as error:
        raise UserError(str(error)) from error


TENSORBOARD = {"_target_": "pytorch_lightning.loggers.TensorBoardLogger", "save_dir": "."}
CALLS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "dicom": ("pydicom", _dicom),
    "export": ("onnx", lambda _: check_packages("onnx")),
    "heic": ("pillow_heif", _heic),
    "medmnist": ("medmnist", lambda _: _info("dermamnist")),
    "peft": ("peft", lambda _: _adapt_vit()),
    "sweep": ("hydra_plugins", lambda _: _launch()),
    "tensorboard": ("tensorboard", lambda folder: _build("tensorboard", TENSORBOARD)),
    "timm": ("timm", lambda _: architecture_of("local-dir:/nowhere")),
}


def _adapt_vit() -> None:
    with torch.device("meta"):
        adapt(vit_b_16(), "lora", torch.zeros(1, 3, 224, 224), "vit_b_16")


def test_every_extra_of_users_is_tried():
    assert set(CALLS) == set(EXTRAS) - OF_DEVELOPERS


@pytest.mark.parametrize("extra", sorted(CALLS))
def test_the_extra_is_named(extra, monkeypatch, tmp_path):
    package, call = CALLS[extra]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    if extra == "tensorboard":
        monkeypatch.setattr("lightning_fabric.loggers.tensorboard._TENSORBOARD_AVAILABLE", False)
        monkeypatch.setattr("lightning_fabric.loggers.tensorboard._TENSORBOARDX_AVAILABLE", False)
    with pytest.raises(UserError, match=rf"pip install 'aduni\[{extra}\]'"):
        call(tmp_path)
