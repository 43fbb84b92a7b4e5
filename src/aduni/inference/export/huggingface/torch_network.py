"""A backbone and a head of torch, and the lines that build them, for what timm does not have."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from aduni.inference.export.huggingface.head import Head
from aduni.inference.export.huggingface.timm_network import TIMM_LITE0
from aduni.models.backbones import PREFIXES, is_factory
from aduni.models.backbones.efficientnet_lite import EfficientNetLite0
from aduni.models.backbones.timm import arguments
from aduni.models.backbones.torchvision import HEADS
from aduni.models.encoder import Encoder

WITH_AUXILIARY = ("googlenet", "inception_v3")
"""Models of torchvision with classifiers that only their training uses."""


@dataclass(frozen=True)
class TorchNetwork:
    """A backbone and a head, whose weights' names begin with `backbone.` and `head.`."""

    encoder: Encoder
    head: Head
    image_size: int

    @property
    def state(self) -> dict[str, Tensor]:
        """Return the weights; those of a backbone that `lines` take from timm by timm's names."""
        backbone = self.encoder.backbone
        is_lite = isinstance(backbone, EfficientNetLite0)
        own = backbone.timm_state() if is_lite else backbone.state_dict()
        state = {f"backbone.{name}": value for name, value in own.items()}
        return state | {"head.weight": self.head.weight, "head.bias": self.head.bias}

    @property
    def lines(self) -> list[str]:
        """Return the lines of Python that build `backbone`, imports first."""
        name, size = self.encoder.name, self.image_size
        if is_factory(name):
            module, _, factory = name.rpartition(".")
            return [f"from {module} import {factory}", f"backbone = {factory}()"]
        if isinstance(self.encoder.backbone, EfficientNetLite0):
            return _timm_lines(TIMM_LITE0, {})
        if name.startswith(PREFIXES):
            return _timm_lines(*arguments(name, None, size, self.encoder.architecture))
        return _torchvision_lines(self.encoder.backbone, name, size)

    def loaded(self, file: Path) -> nn.Module:
        """Return the network from normalised pixels to logits with the weights of a file."""
        stored = safetensors.torch.load_file(file)
        backbone = copy.deepcopy(self.encoder.backbone)
        prefix = "backbone."
        state = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        if isinstance(backbone, EfficientNetLite0):
            state = backbone.rename(state)
        backbone.load_state_dict(state)
        head = Head(stored["head.weight"], stored["head.bias"], self.head.is_cosine)
        return _Classifier(backbone, head)


class _Classifier(nn.Module):
    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.backbone(pixels))


def _timm_lines(name: str, options: dict[str, Any]) -> list[str]:
    arguments = _text({"num_classes": 0} | options)
    return ["import timm", f'backbone = timm.create_model("{name}"{arguments})']


def _torchvision_lines(backbone: nn.Module, name: str, image_size: int) -> list[str]:
    options: dict[str, Any] = {}
    if name in WITH_AUXILIARY:
        options = {"aux_logits": False, "init_weights": False}
    if name.startswith("vit_"):
        options = {"image_size": image_size}
    replaced = [next(head for head in HEADS if hasattr(backbone, head))]
    if isinstance(getattr(backbone, "maxpool", None), nn.Identity):  # the stem for small images
        replaced += ["conv1", "maxpool"]
    return [
        "from torchvision.models import get_model",
        f'backbone = get_model("{name}"{_text(options)})',
        *(f"backbone.{part} = torch.nn.{backbone.get_submodule(part)}" for part in replaced),
    ]


def _text(options: dict[str, Any]) -> str:
    return "".join(f", {key}={value!r}" for key, value in options.items())
