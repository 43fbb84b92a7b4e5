"""safetensors: the weights, and the settings that rebuild their model; nothing in it is executed.

`load` needs this package; the encoder's weights have torchvision's names.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from pydantic import BaseModel, NonNegativeInt, PositiveInt
from safetensors import SafetensorError, safe_open
from torch import Tensor

from aduni.checkpoints.schema import Temperature
from aduni.config.build import build_method
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from aduni.inference.export.exported_graph import Pixels, Probabilities, Served
from aduni.inference.export.metadata import KEY


class _Description(BaseModel):
    """The part of a file's description that rebuilds its model."""

    settings: dict[str, Any]
    class_counts: list[NonNegativeInt]
    temperature: Temperature | None
    image_size: PositiveInt


def encode(served: Served, description: dict[str, Any]) -> bytes:
    """Weights, and the description as the entry `aduni` of the metadata."""
    state = {name: value.contiguous() for name, value in served.method.state_dict().items()}
    return safetensors.torch.save(state, {KEY: json.dumps(description)})


def load(path: Path, trust: Sequence[str] = ()) -> Served:
    """The model of a file: (N, 3, H, W) uint8 -> (N, C) logits and probabilities.

    Args:
        path: of the file.
        trust: packages that its settings may name beside this one (see `read_stored`).

    Raises:
        UserError: missing, not a file of export.py, or its settings name what they may not.
    """
    description, state = _read(path)
    settings = read_stored(description.settings, path, trust)
    method = build_method(settings, np.array(description.class_counts, dtype=np.int64))
    served = Served(method.eval(), description.temperature or 1.0, description.image_size)
    try:
        served.method.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"{path} holds weights of another model than its settings describe; export it again."
        ) from error
    return served


def runner(path: Path, trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """As docs/export.md shows."""
    served = load(path, trust)

    def run(images: Pixels) -> Probabilities:
        with torch.inference_mode():
            probabilities: Probabilities = served(torch.from_numpy(images))[1].numpy()
        return probabilities

    return run


def _read(path: Path) -> tuple[_Description, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            description = _Description.model_validate_json(file.metadata()[KEY])
            return description, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; write it with export.py.") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} was not written by export.py format=safetensors; give such a file."
        ) from error
