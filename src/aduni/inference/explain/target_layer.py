"""The feature map of an encoder that Grad-CAM looks at."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from aduni.errors import UserError, did_you_mean

AUTO = "auto"

POOLING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""What they give is no map of its own; VGG's repeats the positions of the one before."""


@dataclass(frozen=True)
class Layer:
    """A module that gives (N, K, H', W').

    Attributes:
        name: within the backbone.
        module: the module.
        height: H', positions.
        width: W', positions.
    """

    name: str
    module: nn.Module
    height: int
    width: int


def find_layer(encoder: nn.Module, name: str, image_size: int, encoder_name: str) -> Layer:
    """The layer of a name, or for `auto` the last feature map of the backbone.

    `auto` is the last map with more than one position, pooling left out, that all of the features
    come from: layer4 of a ResNet, features of a DenseNet, permute of a Swin.

    Args:
        encoder: on the CPU, in eval mode; (N, 3, H, W) images -> (N, D) features.
        name: `auto`, or a module of the backbone, such as layer3.
        image_size: side of the images, pixels.
        encoder_name: for the errors.

    Raises:
        UserError: there is no such module, or it gives no feature map; or `auto` where the features
            do not come from a map, as in a ViT.
    """
    backbone = cast(nn.Module, getattr(encoder, "backbone", encoder))
    shapes = _shapes(encoder, backbone, image_size)
    modules = dict(backbone.named_modules())
    if name == AUTO:
        name = _last_map(shapes, modules, _trunk(backbone), encoder_name)
    elif name not in modules or not name:
        children = ", ".join(child for child, _ in backbone.named_children())
        raise UserError(
            f"layer={name} is no module of encoder.name={encoder_name}{did_you_mean(name, modules)}"
            f"; choose one of {children}, or one inside them."
        )
    shape = shapes.get(name, ())
    if not _is_map(shape):
        raise UserError(
            f"layer={name} of encoder.name={encoder_name} gives no feature map of several "
            f"positions ({_shown(shape)}); choose an earlier layer, or layer=auto."
        )
    return Layer(name, modules[name], *shape[2:])


def _last_map(
    shapes: dict[str, tuple[int, ...]],
    modules: dict[str, nn.Module],
    trunk: set[str],
    encoder_name: str,
) -> str:
    places = [name for name in shapes if name in trunk]
    maps = [n for n in places if _is_map(shapes[n]) and not isinstance(modules[n], POOLING)]
    rest = places[places.index(maps[-1]) + 1 :] if maps else []
    if not maps or any(len(shapes[name]) == 3 for name in rest):
        raise UserError(
            f"encoder.name={encoder_name} has no convolutional feature map that its features come "
            "from, and Grad-CAM needs one; set layer=none for the page without it, or choose a "
            "module with layer=."
        )
    return maps[-1]


def _trunk(module: nn.Module, prefix: str = "") -> set[str]:
    """Modules that are not in a branch: children, and children of what runs one after another."""
    names = set()
    for name, child in module.named_children():
        names.add(f"{prefix}{name}")
        if isinstance(child, nn.Sequential | nn.ModuleList):
            names |= _trunk(child, f"{prefix}{name}.")
    return names


def _shapes(encoder: nn.Module, backbone: nn.Module, image_size: int) -> dict[str, tuple[int, ...]]:
    """Of each module's last output for one image, in the order in which they finish."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            shapes.pop(name, None)
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        return hook

    named = [(name, module) for name, module in backbone.named_modules() if name]
    handles = [module.register_forward_hook(note(name)) for name, module in named]
    try:
        with torch.inference_mode():
            encoder(torch.zeros(1, 3, image_size, image_size))
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def _is_map(shape: tuple[int, ...]) -> bool:
    """Square images have square maps; a Swin's (N, H', W', K) is no map in this sense."""
    return len(shape) == 4 and shape[2] == shape[3] > 1


def _shown(shape: tuple[int, ...]) -> str:
    return (
        f"its output is {' x '.join(map(str, shape))}" if shape else "it has no output of its own"
    )
