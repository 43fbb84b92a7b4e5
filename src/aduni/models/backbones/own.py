"""Backbones of the user: a callable without required arguments that returns a module."""

from importlib import import_module
from typing import Any

from torch import nn

from aduni.errors import UserError, did_you_mean


def build(name: str, weights: str | None, image_size: int, architecture: Any) -> nn.Module:
    """Call package.module.factory, and return its module.

    Raises:
        UserError: if it cannot be imported or called, returns anything else, or weights are named.
    """
    if weights is not None:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; give a file (.pth or "
            ".safetensors), or null for the weights that it makes."
        )
    factory = _find(name)
    try:
        backbone = factory()
    except TypeError as error:
        raise UserError(
            f"encoder.name={name} cannot be called without arguments ({error}); give a function or "
            "class that needs none."
        ) from error
    if not isinstance(backbone, nn.Module):
        raise UserError(
            f"encoder.name={name} returns {type(backbone).__name__}; it must be a torch.nn.Module "
            "from (N, 3, H, W) images to (N, D) features."
        )
    return backbone


def normalisation(name: str, weights: str) -> None:
    """Return None: named weights do not exist."""


def _find(name: str) -> Any:
    package, _, attribute = name.rpartition(".")
    try:
        module = import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise  # a package that the user's own module lacks
        raise UserError(
            f"encoder.name={name} cannot be imported ({error}); check the spelling, and add its "
            "folder to PYTHONPATH."
        ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise UserError(
            f"encoder.name={name} is no function or class of {package}"
            f"{did_you_mean(attribute, known)}; give one that returns a torch.nn.Module."
        )
    return factory
