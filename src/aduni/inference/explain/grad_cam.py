"""Grad-CAM: where in an image the score of a class comes from (Selvaraju et al. 2017)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.methods.base import Method

BATCH = 32


def grad_cam(
    method: Method, module: nn.Module, images: Tensor, target: int | None, side: int
) -> Tensor:
    """Class activation maps of a batch (arXiv 1610.02391, equations 1 and 2).

    With the feature map A (N, K, H', W') and the logit y of the class, the weight of channel k is
    the mean of dy/dA_k over the positions, and the map is ReLU(sum_k weight_k A_k), enlarged
    bilinearly. A is what the next layer sees, after an activation that works in place.

    Args:
        method: in eval mode afterwards; images -> (N, C) logits.
        module: of the method, whose output is A.
        images: (N, 3, H, W) uint8, or 0..255, on the method's device.
        target: class of the logit; None for the one that each image is predicted to be.
        side: of the maps, pixels.

    Returns:
        (N, side, side) float32, from 0 up; an image where nothing speaks for the class is 0.
    """
    method.eval()
    kept: list[Tensor] = []

    def cut(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        # Gradients end here: the layers before need no graph. A leaf could not be changed in place.
        kept[:] = [output.detach().requires_grad_().clone()]
        return kept[0]

    handle = module.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            logits = method(images)
            classes = logits.argmax(dim=1) if target is None else logits.new_full((), target).long()
            chosen = logits.gather(1, classes.expand(len(logits))[:, None])
            (gradients,) = torch.autograd.grad(chosen.sum(), kept[0])
    finally:
        handle.remove()
    features = kept[0].detach()
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    maps = (weights * features).sum(dim=1, keepdim=True).relu()
    size = (side, side)
    return functional.interpolate(maps, size, mode="bilinear", align_corners=False)[:, 0].float()
