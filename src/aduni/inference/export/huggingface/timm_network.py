"""The model of timm that computes what an encoder and its linear classifier compute."""

from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from aduni.inference.export.huggingface.head import Head
from aduni.models.backbones import LITE0, PREFIXES
from aduni.models.backbones.efficientnet_lite import EfficientNetLite0
from aduni.models.backbones.timm import arguments
from aduni.models.encoder import Encoder

TIMM_LITE0 = f"tf_{LITE0}"

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Backbone:
    """A backbone of timm: name, options of its constructor, and weights."""

    name: str
    options: dict[str, Any]
    state: dict[str, Tensor]


@dataclass(frozen=True)
class TimmNetwork:
    """A classifier of timm."""

    name: str
    options: dict[str, Any]
    model: Any


def timm_backbone(encoder: Encoder, image_size: int) -> Backbone | None:
    """Return the backbone of an encoder under timm's names; None if timm has none of its name."""
    state = encoder.backbone.state_dict()
    if encoder.name.startswith(PREFIXES):
        return Backbone(*arguments(encoder.name, None, image_size, encoder.architecture), state)
    if isinstance(encoder.backbone, EfficientNetLite0):
        return Backbone(TIMM_LITE0, {}, encoder.backbone.timm_state())
    return Backbone(encoder.name, {}, state) if timm.is_model(encoder.name) else None


def timm_network(encoder: Encoder, head: Head, image_size: int) -> TimmNetwork | None:
    """Return timm's model with the weights of encoder and head; None if it computes another thing.

    Of torchvision's architectures timm has some under the same names, with the same layers.
    """
    backbone = timm_backbone(encoder, image_size)
    if backbone is None or head.is_cosine:
        return None
    classes = len(head.weight)
    model: Any = timm.create_model(
        backbone.name, pretrained=False, num_classes=classes, **backbone.options
    )
    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear) or classifier.weight.shape != head.weight.shape:
        return None
    name = next(name for name, module in model.named_modules() if module is classifier)
    state = backbone.state | {f"{name}.weight": head.weight, f"{name}.bias": head.bias}
    try:
        model.load_state_dict(state)
    except RuntimeError:  # layers of other names or shapes
        return None
    network = TimmNetwork(backbone.name, backbone.options, model.eval())
    return network if _agrees(model, encoder, head, image_size) else None


@torch.inference_mode()
def _agrees(model: nn.Module, encoder: Encoder, head: Head, image_size: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (4, 3, image_size, image_size), generator=generator)
    pixels = encoder.normalised(images.to(torch.uint8))
    expected = head(encoder.backbone(pixels))
    difference = (model(pixels) - expected).abs().max()
    return bool(difference <= TOLERANCE * expected.abs().max().clamp(min=1))
