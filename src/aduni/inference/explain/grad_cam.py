"""Grad-CAM: localise the evidence for a class in an image (Selvaraju et al. 2017)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.methods.base import Method

BATCH_SIZE = 32


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
