"""Grad-CAM: localise the evidence for a class in an image (Selvaraju et al. 2017)."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.errors import UserError, did_you_mean
from aduni.methods.base import Method
from aduni.models.layer_decay import BLOCK

BATCH_SIZE = 32

AUTO = "auto"
LEAST_SIDES = (7, 4, 2)
"""Positions along a side that `auto` looks for, one after the other."""

POOLING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""Layers whose output is no new map; VGG's only repeats the positions of the map before it."""


@dataclass(frozen=True)
class Layer:
    """A module of the backbone whose output has H' x W' positions of the image.

    They are (N, K, H', W'), (N, H', W', K), or the last H' W' of the tokens (N, T, K), before which
    class and register tokens stand.
    """

    name: str
    module: nn.Module
    height: int
    width: int

    def positions(self, output: Tensor) -> Tensor:
        """Return the output, or its gradient, as (N, K, H', W')."""
        sides = (self.height, self.width)
        if output.ndim == 3:
            return output[:, -self.height * self.width :].mT.reshape(len(output), -1, *sides)
        return output if tuple(output.shape[2:]) == sides else output.permute(0, 3, 1, 2)


def grad_cam(method: Method, layer: Layer, images: Tensor, target: int | None, side: int) -> Tensor:
    """Compute class activation maps of a batch (arXiv 1610.02391, equations 1 and 2).

    With the feature map A (N, K, H', W') and the logit y of the class, the weight of channel k is
    the mean of dy/dA_k over the positions, and the map is ReLU(sum_k weight_k A_k), upsampled
    bilinearly. A is what the next layer receives, after an in-place activation.

    Args:
        method: images -> (N, C) logits; it is put into eval mode.
        layer: module of the method whose output is A.
        images: (N, 3, H, W) uint8, or 0..255, on the method's device.
        target: class of the logit; None for the predicted class of each image.
        side: side of the maps, pixels.

    Returns:
        (N, side, side) float32, non-negative; 0 everywhere without evidence for the class.
    """
    method.eval()
    features: list[Tensor] = []

    def detach(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        # The layers before need no graph. The clone is no leaf, so it may be changed in place.
        features[:] = [output.detach().requires_grad_().clone()]
        return features[0]

    handle = layer.module.register_forward_hook(detach)
    try:
        with torch.enable_grad():
            logits = method(images)
            classes = logits.argmax(dim=1) if target is None else logits.new_full((), target).long()
            chosen = logits.gather(1, classes.expand(len(logits))[:, None])
            (gradients,) = torch.autograd.grad(chosen.sum(), features[0])
    finally:
        handle.remove()
    weights = layer.positions(gradients).mean(dim=(2, 3), keepdim=True)
    maps = layer.positions(features[0].detach())
    cam = (weights * maps).sum(dim=1, keepdim=True).relu()
    size = (side, side)
    return functional.interpolate(cam, size, mode="bilinear", align_corners=False)[:, 0].float()


def find_layer(encoder: nn.Module, name: str, image_size: int, encoder_name: str) -> Layer:
    """Return the layer of a name, or for `auto` the last one with enough positions of the image.

    `auto` is the last map of at least 7 x 7 positions, pooling excluded, through which all features
    are computed; of smaller maps the last of at least 4 x 4, else of several positions. At 224 px
    it is layer4 of a ResNet, features of a DenseNet, permute of a Swin. Of a vision transformer it
    is the first layer of the last block, since only the class token may count behind it: norm1 in
    timm, ln_1 in torchvision.

    Args:
        encoder: on the CPU, in eval mode; (N, 3, H, W) images -> (N, D) features.
        name: `auto`, or a module of the backbone, such as layer3.
    """
    backbone = cast(nn.Module, getattr(encoder, "backbone", encoder))
    shapes = _shapes(encoder, backbone, image_size)
    sides = _sides(shapes)
    modules = dict(backbone.named_modules())
    if name == AUTO:
        trunk = _trunk(backbone)
        names = [n for n in shapes if n in trunk and not isinstance(modules[n], POOLING)]
        name = _last_layer(shapes, sides, [n for n in names if n in sides or len(shapes[n]) == 3])
        if name not in sides:
            raise UserError(
                f"encoder.name={encoder_name} has no layer with positions of the image that its "
                "features come from, and Grad-CAM needs one; set layer=none for the page without "
                "it, or choose a module with layer=."
            )
    elif name not in modules or not name:
        children = ", ".join(child for child, _ in backbone.named_children())
        raise UserError(
            f"layer={name} is not a module of "
            f"encoder.name={encoder_name}{did_you_mean(name, modules)}; choose one of {children}, "
            "or one inside them."
        )
    if name not in sides:
        shape = shapes.get(name)
        output = "it has no output of its own"
        if shape:
            output = f"its output is {' x '.join(map(str, shape))}"
        raise UserError(
            f"layer={name} of encoder.name={encoder_name} gives no feature map of several "
            f"positions ({output}); choose an earlier layer, or layer=auto."
        )
    return Layer(name, modules[name], sides[name], sides[name])


def _last_layer(
    shapes: dict[str, tuple[int, ...]], sides: dict[str, int], spatial: list[str]
) -> str:
    """Return the last map, or the first layer of the last block of tokens; empty if neither."""
    if not spatial:
        return ""
    if len(shapes[spatial[-1]]) == 4:
        maps = [name for name in reversed(spatial) if len(shapes[name]) == 4]
        return next(name for least in LEAST_SIDES for name in maps if sides[name] >= least)
    blocks = {name: match[0] for name in shapes if (match := BLOCK.match(f"{name}."))}
    tokens = [name for name in blocks if name != blocks[name] and len(shapes[name]) == 3]
    return next((name for name in tokens if blocks[name] == blocks[tokens[-1]]), "")


def _sides(shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """Return the positions along a side of each output that has several, in the order of outputs.

    Tokens have those of the map that they are made from.
    """
    sides: dict[str, int] = {}
    patches, has_tokens = 0, False
    for name, shape in shapes.items():
        has_tokens |= len(shape) == 3
        if len(shape) == 4 and shape[2] == shape[3] > 1:
            sides[name] = shape[2]
            patches = patches if has_tokens else shape[2]
        elif len(shape) == 4 and shape[1] == shape[2] > 1:
            sides[name] = shape[1]
        elif len(shape) == 3 and 1 < patches**2 <= shape[1]:
            sides[name] = patches
    return sides


def _trunk(module: nn.Module, prefix: str = "") -> set[str]:
    """Return the names of modules outside branches: children, also of sequential containers."""
    names = set()
    for name, child in module.named_children():
        names.add(f"{prefix}{name}")
        if isinstance(child, nn.Sequential | nn.ModuleList):
            names |= _trunk(child, f"{prefix}{name}.")
    return names


def _shapes(encoder: nn.Module, backbone: nn.Module, image_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each module's last output for one image, in the order of the outputs."""
    shapes: dict[str, tuple[int, ...]] = {}

    def record(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            shapes.pop(name, None)
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        return hook

    named = [(name, module) for name, module in backbone.named_modules() if name]
    handles = [module.register_forward_hook(record(name)) for name, module in named]
    try:
        with torch.inference_mode():
            encoder(torch.zeros(1, 3, image_size, image_size))
    finally:
        for handle in handles:
            handle.remove()
    return shapes
