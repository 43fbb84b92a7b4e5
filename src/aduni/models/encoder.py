"""Encoder: a torchvision classification backbone without its classifier."""

from typing import Annotated, Literal, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torchvision import models

from aduni.batch import Deviation, Mean
from aduni.errors import UserError, did_you_mean
from aduni.models.pretrained import load_pretrained
from aduni.models.small_images import SMALL_IMAGE_SIZE
from aduni.shortage import raise_shortage

Stem = Literal["auto", "standard", "small"]

MIN_IMAGE_SIZE = 16
"""Smallest image side, in pixels, that the small stem is made for."""

CHANNELS_LAST_SIZE = 128
"""Image side, in pixels, from which a CPU is faster with channels-last memory format."""


class Encoder(nn.Module):
    """Module from images to pooled features.

    Args:
        name: torchvision classification backbone, for example resnet18.
        weights: torchvision weights such as DEFAULT; None to start from scratch.
        stem: first layers: the backbone's own (standard), or for small images a 3 x 3 convolution
            without max-pooling, stride 2 from 32 pixels up and 1 below (small); auto is small
            under 64 pixels if the backbone is a ResNet.
        image_size: side of the square images, in pixels.
        mean: mean per channel of images scaled to 0..1.
        std: standard deviation per channel of images scaled to 0..1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str = "resnet18",
        weights: str | None = None,
        stem: Stem = "auto",
        *,
        image_size: PositiveInt,
        mean: Annotated[list[Mean], Field(min_length=3, max_length=3)],
        std: Annotated[list[Deviation], Field(min_length=3, max_length=3)],
    ) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))
        self.backbone = _without_classifier(_build(name, weights), name)
        _set_stem(self.backbone, name, stem, image_size)
        self.features = _count_features(self.backbone, name, image_size)
        self._channels_last = image_size >= CHANNELS_LAST_SIZE
        if self._channels_last:
            self.backbone.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Compute (N, D) features of (N, 3, H, W) images, uint8 or floats from 0 to 255.

        D is the input of the backbone's classifier: pooled features, except for VGG and AlexNet.
        """
        return cast(Tensor, self.backbone(self.normalised(images)))

    def normalised(self, images: Tensor) -> Tensor:
        """Return (N, 3, H, W) normalised floats in the backbone's fastest memory format."""
        if not self._channels_last:
            if images.device.type == "cpu":  # batches are in channels-last format
                images = images.contiguous()
            return images.to(self.mean.dtype, copy=True).sub_(self.mean).div_(self.std)
        # Whole rows are normalised because broadcasting over three adjacent channels is slow.
        width = images.shape[3]
        mean, std = (values.flatten().repeat(width) for values in (self.mean, self.std))
        rows = images.permute(0, 2, 3, 1).flatten(2).to(mean.dtype, copy=True)
        pixels = rows.sub_(mean).div_(std).view(len(rows), -1, width, 3)
        return pixels.permute(0, 3, 1, 2)


def list_backbones() -> list[str]:
    """Return the names of torchvision's classification models."""
    return [str(name) for name in models.list_models(module=models)]


def _build(name: str, weights: str | None) -> nn.Module:
    if name not in list_backbones():
        raise UserError(
            f"encoder.name={name} is no torchvision classification backbone"
            f"{did_you_mean(name, list_backbones())}; torchvision.models.list_models() names them "
            "all."
        )
    if weights is not None:
        return load_pretrained(name, weights)
    return cast(nn.Module, models.get_model(name, weights=None))


def _without_classifier(backbone: nn.Module, name: str) -> nn.Module:
    # The classifier of a SqueezeNet includes the pooling, that of a ConvNeXt the flattening.
    is_squeezenet = isinstance(backbone, models.SqueezeNet)
    replacement = nn.AdaptiveAvgPool2d(1) if is_squeezenet else nn.Flatten()
    for auxiliary in ("aux1", "aux2", "AuxLogits"):  # auxiliary classifiers of the Inceptions
        if hasattr(backbone, auxiliary):
            setattr(backbone, auxiliary, None)
            setattr(backbone, "aux_logits", False)  # noqa: B010  mypy infers a module
    for head in ("fc", "classifier", "heads", "head"):
        if hasattr(backbone, head):
            setattr(backbone, head, replacement)
            return backbone
    raise UserError(f"encoder.name={name} is not supported: its classifier was not found.")


def _set_stem(backbone: nn.Module, name: str, stem: Stem, image_size: int) -> None:
    replaceable = isinstance(backbone, models.ResNet)
    if stem == "small" and not replaceable:
        raise UserError(
            f"encoder.stem=small needs a ResNet, not {name}; use encoder.stem=standard."
        )
    is_small = replaceable and image_size < SMALL_IMAGE_SIZE
    if stem == "standard" or (stem == "auto" and not is_small):
        return
    if image_size < MIN_IMAGE_SIZE:
        raise UserError(
            f"dataset.image_size={image_size} is too small; use {MIN_IMAGE_SIZE} or more."
        )
    width = cast(nn.Conv2d, backbone.conv1).out_channels
    stride = 2 if image_size >= 32 else 1
    backbone.conv1 = nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(backbone.conv1.weight, mode="fan_out", nonlinearity="relu")
    backbone.maxpool = nn.Identity()


def _count_features(backbone: nn.Module, name: str, image_size: int) -> int:
    backbone.eval()
    try:
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise_shortage(error)
        raise UserError(
            f"encoder.name={name} cannot take images of dataset.image_size={image_size} pixels "
            f"({str(error).splitlines()[0]}); use larger images or another encoder."
        ) from error
    finally:
        backbone.train()
    return int(features.shape[1])
