"""Configuration values of the encoder that depend on its name and weights.

They are resolved when a configuration is composed, so that runs store plain values. Without
weights, nothing here imports torch.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from aduni.errors import UserError
from aduni.models.backbones import LITE0, PREFIXES, module_of
from aduni.models.backbones.lite0_normalisation import normalisation as lite0_normalisation

Mean = Annotated[float, Field(ge=-1e3, le=1e3)]
Deviation = Annotated[float, Field(ge=1e-4, le=1e3)]
"""Standard deviation of a channel of images scaled to 0..1. Beyond these limits normalised pixels
are nearly constant or not finite."""

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors")


def is_weights_file(weights: str | None) -> bool:
    """Return whether `encoder.weights` is a file, rather than a name of published weights.

    Raises:
        UserError: if it is a file whose suffix does not say so.
    """
    if weights is None or weights.endswith(SUFFIXES):
        return weights is not None
    if Path(weights).is_file():
        raise UserError(
            f"encoder.weights={weights} is a file whose suffix is none of {', '.join(SUFFIXES)}; "
            "add the one of its kind to its name."
        )
    return False


def of_weights(key: Literal["mean", "std"], otherwise: Any, *, _parent_: Any) -> Any:
    """Resolve `${of_weights:mean,${dataset.mean}}`: the weights' value if they have one."""
    weights = _parent_.get("weights")
    found = None if weights is None else _normalisation(str(_parent_.get("name")), str(weights))
    return found[key] if found else otherwise


def timm_architecture(*, _parent_: Any) -> dict[str, Any] | None:
    """Resolve `${timm_architecture:}`: what a config.json says, None for names without one."""
    name = str(_parent_.get("name"))
    return _architecture(name) if name.startswith(PREFIXES[1:]) else None


@cache
def _architecture(name: str) -> dict[str, Any]:
    architecture: dict[str, Any] = module_of(name).architecture_of(name)
    return architecture


@cache
def _normalisation(name: str, weights: str) -> dict[str, list[float]] | None:
    if is_weights_file(weights):
        from aduni.models.weights import stored_normalisation  # imports torch

        return stored_normalisation(Path(weights))
    if name == LITE0:  # its module imports torch
        pair = lite0_normalisation(name, weights)
    else:
        pair = module_of(name).normalisation(name, weights)
    return {"mean": list(pair[0]), "std": list(pair[1])} if pair else None
