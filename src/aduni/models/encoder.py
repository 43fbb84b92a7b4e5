"""Encoder: a classification backbone without its classifier."""

import logging
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from aduni.errors import UserError, warn
from aduni.models.adaptation import Adaptation, adapt
from aduni.models.backbones import module_of
from aduni.models.backbones.torchvision import Stem, set_stem
from aduni.models.layer_decay import rate_factors
from aduni.models.memory_format import is_channels_last
from aduni.models.normalisation import Deviation, Mean, is_weights_file
from aduni.models.weights import load_weights
from aduni.shortage import raise_shortage

log = logging.getLogger(__name__)


class Encoder(nn.Module):
    """Module from images to pooled features.

    Args:
        name: torchvision classification backbone such as resnet18, efficientnet_lite0, timm/NAME,
            hf-hub:OWNER/REPOSITORY, local-dir:FOLDER, or package.module.factory, a callable of the
            user's without arguments.
        weights: name of published weights, such as DEFAULT; or a file of weights, also a checkpoint
            of this project; None to start from scratch.
        stem: first layers: the backbone's own (standard), or for small images a 3 x 3 convolution
            without max-pooling, stride 2 from 32 pixels up and 1 below (small); auto is small
            under 64 pixels if the backbone is a ResNet.
        adaptation: what the training changes: all weights (full), those of norms and all biases
            (norm_bias), low-rank additions to the attention of a transformer (lora), or none
            (frozen); in the last two cases norms stay in eval mode.
        feature_views: augmented draws of each image whose features a training with a frozen
            encoder takes its views from; 0 for the unaugmented image alone.
        layer_decay: factor of the learning rate from each block to the one before.
        image_size: side of the square images, in pixels.
        mean: mean per channel of images scaled to 0..1.
        std: standard deviation per channel of images scaled to 0..1.
        architecture: timm's name and options of a model from a hub or a folder, so that a stored
            run needs neither; None for other names.
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
        feature_views: NonNegativeInt = 8,
        layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0,
        *,
        image_size: PositiveInt,
        mean: Annotated[list[Mean], Field(min_length=3, max_length=3)],
        std: Annotated[list[Deviation], Field(min_length=3, max_length=3)],
        architecture: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.architecture, self.feature_views = name, architecture, feature_views
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))
        file = weights if is_weights_file(weights) else None
        named = None if file else weights
        self.backbone = module_of(name).build(name, named, image_size, architecture)
        if set_stem(self.backbone, name, stem, image_size) and named:
            warn(
                log,
                f"The first convolution of {name} is a new one, for small images; "
                "encoder.stem=standard keeps the pretrained one.",
            )
        self.features = _count_features(self.backbone, name, image_size)
        if file:
            load_weights(self.backbone, Path(file))
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


def _count_features(backbone: nn.Module, name: str, image_size: int) -> int:
    backbone.eval()
    try:
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, image_size, image_size))
    except Exception as error:  # a module of the user's may raise any kind
        raise_shortage(error)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"encoder.name={name} cannot take images of dataset.image_size={image_size} pixels "
            f"({reason}); use larger images or another encoder."
        ) from error
    finally:
        backbone.train()
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 1:
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise UserError(
            f"encoder.name={name} maps one image, (1, 3, {image_size}, {image_size}), to {found}; "
            "it must be (1, D), D features of each image."
        )
    return int(features.shape[1])
