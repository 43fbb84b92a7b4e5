"""Grad-CAM: localise the evidence for a class in an image (Selvaraju et al. 2017)."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.errors import UserError, did_you_mean
from aduni.methods.base import Method

BATCH_SIZE = 32

AUTO = "auto"

POOLING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""Layers whose output is no new map; VGG's only repeats the positions of the map before it."""


def grad_cam(
    method: Method, module: nn.Module, images: Tensor, target: int | None, side: int
) -> Tensor:
    """Compute class activation maps of a batch (arXiv 1610.02391, equations 1 and 2).

    With the feature map A (N, K, H', W') and the logit y of the class, the weight of channel k is
    the mean of dy/dA_k over the positions, and the map is ReLU(sum_k weight_k A_k), upsampled
    bilinearly. A is what the next layer receives, after an in-place activation.

    Args:
        method: images -> (N, C) logits; it is put into eval mode.
        module: module of the method whose output is A.
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

    handle = module.register_forward_hook(detach)
    try:
        with torch.enable_grad():
            logits = method(images)
            classes = logits.argmax(dim=1) if target is None else logits.new_full((), target).long()
            chosen = logits.gather(1, classes.expand(len(logits))[:, None])
            (gradients,) = torch.autograd.grad(chosen.sum(), features[0])
    finally:
        handle.remove()
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    cam = (weights * features[0].detach()).sum(dim=1, keepdim=True).relu()
    size = (side, side)
    return functional.interpolate(cam, size, mode="bilinear", align_corners=False)[:, 0].float()


@dataclass(frozen=True)
class Layer:
    """A module of the backbone whose output is (N, K, H', W')."""

    name: str
    module: nn.Module
    height: int
    width: int


def find_layer(encoder: nn.Module, name: str, image_size: int, encoder_name: str) -> Layer:
    """Return the layer of a name, or for `auto` the last feature map of the backbone.

    `auto` is the last map with more than one position, pooling excluded, through which all features
    are computed: layer4 of a ResNet, features of a DenseNet, permute of a Swin.

    Args:
        encoder: on the CPU, in eval mode; (N, 3, H, W) images -> (N, D) features.
        name: `auto`, or a module of the backbone, such as layer3.
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
        output = "it has no output of its own"
        if shape:
            output = f"its output is {' x '.join(map(str, shape))}"
        raise UserError(
            f"layer={name} of encoder.name={encoder_name} gives no feature map of several "
            f"positions ({output}); choose an earlier layer, or layer=auto."
        )
    return Layer(name, modules[name], *shape[2:])


def _last_map(
    shapes: dict[str, tuple[int, ...]],
    modules: dict[str, nn.Module],
    trunk: set[str],
    encoder_name: str,
) -> str:
    names = [name for name in shapes if name in trunk]
    maps = [n for n in names if _is_map(shapes[n]) and not isinstance(modules[n], POOLING)]
    rest = names[names.index(maps[-1]) + 1 :] if maps else []
    if not maps or any(len(shapes[name]) == 3 for name in rest):
        raise UserError(
            f"encoder.name={encoder_name} has no convolutional feature map that its features come "
            "from, and Grad-CAM needs one; set layer=none for the page without it, or choose a "
            "module with layer=."
        )
    return maps[-1]


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


def _is_map(shape: tuple[int, ...]) -> bool:
    """Tell whether a shape is a square map; a Swin's (N, H', W', K) outputs are not."""
    return len(shape) == 4 and shape[2] == shape[3] > 1
