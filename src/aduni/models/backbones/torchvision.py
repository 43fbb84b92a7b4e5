"""Classification backbones of torchvision, with published weights or from scratch.

Weights are loaded without executing code from their files.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlparse

import torch
from torch import nn
from torchvision import models

from aduni.errors import UserError, warn
from aduni.models.backbones import check_patches
from aduni.models.backbones.names import check_backbone
from aduni.shortage import raise_shortage

DIGEST_PREFIX = re.compile(r"-([0-9a-f]{8,})\.pth$")
"""Prefix of the SHA-256 digest, which torchvision includes in the names of weight files."""

WEIGHTS_ONLY_VARIABLE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"

HEADS = ("fc", "classifier", "heads", "head")
"""Names that classifiers have in torchvision's models."""

SMALL_IMAGE_SIZE = 64
"""Image side, in pixels, below which images are small, and get the small stem."""

MIN_IMAGE_SIZE = 16
"""Smallest image side, in pixels, that the small stem is made for."""

Stem = Literal["auto", "standard", "small"]

log = logging.getLogger(__name__)


def build(name: str, weights: str | None, image_size: int, architecture: Any) -> nn.Module:
    """Return a backbone without its classifier, with published weights unless None."""
    check_backbone(name)
    if weights is None:
        size = {}
        if name.startswith("vit_"):  # their positional embeddings have one size
            check_patches(name, int(name.rpartition("_")[2]), image_size)
            size["image_size"] = image_size
        return _without_classifier(_make(name, weights=None, **size), name)
    backbone = _without_classifier(load_pretrained(name, weights), name)
    if isinstance(backbone, models.GoogLeNet | models.Inception3):
        backbone.transform_input = False  # see `normalisation`
    return backbone


def normalisation(name: str, weights: str) -> tuple[list[float], list[float]]:
    """Return mean and std of published weights.

    Those of GoogLeNet and Inception are for -1..1, to which torchvision's models convert; ours do
    not, so that a model that is built without its weights computes the same.
    """
    check_backbone(name)
    transforms = _published(name, weights).transforms()
    if name in ("googlenet", "inception_v3"):
        return [0.5] * 3, [0.5] * 3
    return list(transforms.mean), list(transforms.std)


def _make(name: str, **options: Any) -> nn.Module:
    return cast(nn.Module, models.get_model(name, **options))


def _published(name: str, weights: str) -> Any:
    available = models.get_model_weights(name).__members__
    if weights not in available:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; choose one of "
            f"{', '.join(available)}, or give a file."
        )
    return available[weights].value


def load_pretrained(name: str, weights: str) -> nn.Module:
    """Return the backbone with weights from torch's download folder or from the network."""
    url = _published(name, weights).url
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    _check_digest(file)
    if not file.exists():
        warn(log, f"The weights {weights} of {name} are being fetched from {url}.")
    try:
        with _force_weights_only():
            return _make(name, weights=weights)
    except (OSError, RuntimeError) as error:
        raise_shortage(error)
        if isinstance(error, RuntimeError) and "invalid hash value" not in str(error):
            raise
        raise UserError(
            f"The weights {weights} of {name} could not be fetched ({error}); connect to the "
            "network once, or train from scratch with encoder.weights=null."
        ) from error


def _check_digest(file: Path) -> None:
    """Compare the digest of an existing file with its name; torch does so only on download."""
    prefix = DIGEST_PREFIX.search(file.name)
    assert prefix, file.name  # torchvision names all files this way
    if not file.exists():
        return
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if not digest.startswith(prefix[1]):
        raise UserError(
            f"{file} is not the file that torchvision publishes; delete it, so that it is fetched "
            "again."
        )


@contextmanager
def _force_weights_only() -> Iterator[None]:
    """Have `torch.load` refuse pickled code, which torchvision's call would execute."""
    previous = os.environ.get(WEIGHTS_ONLY_VARIABLE)
    os.environ[WEIGHTS_ONLY_VARIABLE] = "1"
    try:
        yield
    finally:
        if previous is None:
            del os.environ[WEIGHTS_ONLY_VARIABLE]
        else:
            os.environ[WEIGHTS_ONLY_VARIABLE] = previous


def _without_classifier(backbone: nn.Module, name: str) -> nn.Module:
    # The classifier of a SqueezeNet includes the pooling, that of a ConvNeXt the flattening.
    is_squeezenet = isinstance(backbone, models.SqueezeNet)
    replacement = nn.AdaptiveAvgPool2d(1) if is_squeezenet else nn.Flatten()
    for auxiliary in ("aux1", "aux2", "AuxLogits"):  # auxiliary classifiers of the Inceptions
        if hasattr(backbone, auxiliary):
            setattr(backbone, auxiliary, None)
            setattr(backbone, "aux_logits", False)  # noqa: B010  mypy infers a module
    for head in HEADS:
        if hasattr(backbone, head):
            setattr(backbone, head, replacement)
            return backbone
    raise UserError(f"encoder.name={name} is not supported: its classifier was not found.")


def set_stem(backbone: nn.Module, name: str, stem: Stem, image_size: int) -> bool:
    """Replace the first layers of a ResNet for small images, and return whether that was done."""
    replaceable = isinstance(backbone, models.ResNet)
    if stem == "small" and not replaceable:
        raise UserError(
            f"encoder.stem=small needs a ResNet, not {name}; use encoder.stem=standard."
        )
    is_small = replaceable and image_size < SMALL_IMAGE_SIZE
    if stem == "standard" or (stem == "auto" and not is_small):
        return False
    if image_size < MIN_IMAGE_SIZE:
        raise UserError(
            f"dataset.image_size={image_size} is too small; use {MIN_IMAGE_SIZE} or more."
        )
    width = cast(nn.Conv2d, backbone.conv1).out_channels
    stride = 2 if image_size >= 32 else 1
    backbone.conv1 = nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(backbone.conv1.weight, mode="fan_out", nonlinearity="relu")
    backbone.maxpool = nn.Identity()
    return True
