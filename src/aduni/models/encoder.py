"""Encoder: a classification backbone without its classifier."""

from typing import Annotated, Literal, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torchvision import models

from aduni.batch import Deviation, Mean
from aduni.errors import UserError, did_you_mean
from aduni.models.adaptation import Adaptation, adapt
from aduni.models.efficientnet_lite import efficientnet_lite0, load_imagenet_weights
from aduni.models.layer_decay import rate_factors
from aduni.models.memory_format import is_channels_last
from aduni.models.pretrained import load_pretrained
from aduni.models.small_images import SMALL_IMAGE_SIZE
from aduni.shortage import raise_shortage

Stem = Literal["auto", "standard", "small"]

MIN_IMAGE_SIZE = 16
"""Smallest image side, in pixels, that the small stem is made for."""

LITE0 = "efficientnet_lite0"
"""Backbone whose weights are installed with this package."""


class Encoder(nn.Module):
    """Module from images to pooled features.

    Args:
        name: torchvision classification backbone, for example resnet18, or efficientnet_lite0.
        weights: torchvision weights such as DEFAULT; None to start from scratch. DEFAULT of
            efficientnet_lite0 are ImageNet weights that are installed, for which mean and std are
            127 / 255 and 128 / 255.
        stem: first layers: the backbone's own (standard), or for small images a 3 x 3 convolution
            without max-pooling, stride 2 from 32 pixels up and 1 below (small); auto is small
            under 64 pixels if the backbone is a ResNet.
        adaptation: what the training changes: all weights (full), those of norms and all biases
            (norm_bias), low-rank additions to the attention of a transformer (lora), or none
            (frozen); in the last two cases norms stay in eval mode.
        feature_views: V, augmented draws of each image whose features a training with a frozen
            encoder takes its views from.
        layer_decay: factor of the learning rate from each block to the one before.
        image_size: side of the square images, in pixels.
        mean: mean per channel of images scaled to 0..1.
        std: standard deviation per channel of images scaled to 0..1.
    """

    mean: Tensor
    std: Tensor
    is_frozen = False
    layer_decay = 1.0
    _in_eval_mode = False

    def __init__(
        self,
        name: str = "resnet18",
        weights: str | None = None,
        stem: Stem = "auto",
        adaptation: Adaptation = "full",
        feature_views: PositiveInt = 8,
        layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0,
        *,
        image_size: PositiveInt,
        mean: Annotated[list[Mean], Field(min_length=3, max_length=3)],
        std: Annotated[list[Deviation], Field(min_length=3, max_length=3)],
    ) -> None:
        super().__init__()
        self.name, self.feature_views = name, feature_views
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))
        self.backbone = _build(name, weights)
        _set_stem(self.backbone, name, stem, image_size)
        self.features = _count_features(self.backbone, name, image_size)
        self.set_memory_format(channels_last=is_channels_last(name, image_size))
        self.is_frozen = adaptation == "frozen"
        self._in_eval_mode = adaptation in ("lora", "frozen")
        adapt(self.backbone, adaptation, torch.zeros(1, 3, image_size, image_size), name)
        self.layer_decay = layer_decay
        self.rate_factors()  # refuses what has no blocks

    def set_memory_format(self, *, channels_last: bool) -> None:
        """Have the backbone compute with channels last in memory, or with channels first."""
        self._channels_last = channels_last
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.backbone.to(memory_format=layout)

    def rate_factors(self) -> dict[nn.Parameter, float]:
        """Return the factor of the learning rate of each parameter, where it is not 1."""
        return rate_factors(self.backbone, self.layer_decay) if self.layer_decay != 1 else {}

    def train(self, mode: bool = True) -> "Encoder":
        """Set the mode; fixed norms stay in eval mode, to keep their statistics."""
        super().train(mode)
        if self._in_eval_mode:
            self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Compute (N, D) features of (N, 3, H, W) images, uint8 or floats from 0 to 255.

        D is the input of the backbone's classifier: pooled features, except for VGG and AlexNet.
        Cached features (N, D) of a frozen encoder are returned as they are.
        """
        if images.ndim == 2:
            return images
        return cast(Tensor, self.backbone(self.normalised(images)))

    def normalised(self, images: Tensor) -> Tensor:
        """Return (N, 3, H, W) normalised floats in the backbone's fastest memory format."""
        if images.device.type == "cuda" and images.dtype == torch.uint8:
            return self._normalised_at_once(images)
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

    def _normalised_at_once(self, images: Tensor) -> Tensor:
        """Normalise uint8 images by one kernel, in float32, to what autocast would convert to."""
        device = images.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else self.mean.dtype
        layout = torch.channels_last if self._channels_last else torch.preserve_format
        pixels = torch.empty_like(images, dtype=dtype, memory_format=layout)
        scale = 1 / self.std
        return torch.addcmul(-self.mean * scale, images, scale, out=pixels)


def list_backbones() -> list[str]:
    """Return the names of the backbones: torchvision's classification models and one more."""
    return [*(str(name) for name in models.list_models(module=models)), LITE0]


def _build(name: str, weights: str | None) -> nn.Module:
    if name not in list_backbones():
        raise UserError(
            f"encoder.name={name} is no torchvision classification backbone"
            f"{did_you_mean(name, list_backbones())}; torchvision.models.list_models() names them "
            "all."
        )
    if name == LITE0:
        return _build_lite0(weights)
    if weights is not None:
        return _without_classifier(load_pretrained(name, weights), name)
    return _without_classifier(cast(nn.Module, models.get_model(name, weights=None)), name)


def _build_lite0(weights: str | None) -> nn.Module:
    if weights not in (None, "DEFAULT"):
        raise UserError(
            f"encoder.weights={weights} does not exist for {LITE0}; choose DEFAULT, or null to "
            "train from scratch."
        )
    network = efficientnet_lite0()
    if weights:
        load_imagenet_weights(network)
    return network


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
