"""Backbones of the user: a callable without required arguments that returns a module."""

from importlib import import_module
from typing import Any

from torch import nn

from aduni.errors import UserError, did_you_mean
from aduni.shortage import raise_shortage


def build(name: str, weights: str | None, image_size: int, architecture: Any) -> nn.Module:
    """Call package.module.factory, and return its module.

    Raises:
        UserError: if it cannot be imported or called, returns anything else, or weights are named.
    """
    if weights is not None:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; add encoder.weights=null for "
            "the weights that it makes, or give a file (.pth or .safetensors)."
        )
    factory = _find(name)
    try:
        backbone = factory()
    except Exception as error:  # the user's code may raise any kind
        raise_shortage(error)
        raise UserError(
            f"encoder.name={name} cannot be called without arguments ({_first_line(error)}); "
            "correct it, or give a function or class that needs none."
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
    except Exception as error:  # the user's code may raise any kind
        raise_shortage(error)
        raise UserError(
            f"encoder.name={name} cannot be imported ({_first_line(error)}); check the spelling "
            "and the code, and add its folder to PYTHONPATH."
        ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise UserError(
            f"encoder.name={name} is not a function or class of {package}"
            f"{did_you_mean(attribute, known)}; give one that returns a torch.nn.Module."
        )
    return factory


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {line}"
