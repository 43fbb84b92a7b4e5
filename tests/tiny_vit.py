"""A vision transformer for images of 16 pixels that trains in milliseconds."""

import timm
from torch import nn


def build() -> nn.Module:
    """Return 16 tokens and a class token of 16 features, and two blocks."""
    options = {"img_size": 16, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    vit: nn.Module = timm.models.VisionTransformer(num_classes=0, **options)
    return vit
