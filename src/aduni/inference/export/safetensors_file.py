"""Write and load safetensors files of the weights and the settings that rebuild their model.

Loading executes nothing from the file. `load` needs this package; the names of the encoder's
weights are torchvision's.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from pydantic import BaseModel, NonNegativeInt, PositiveInt
from safetensors import SafetensorError, safe_open
from torch import Tensor

from aduni.checkpoints.schema import Temperature
from aduni.config.build import build_method
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from aduni.inference.export.exported_graph import ExportedModel, Pixels, Probabilities, run_batch
from aduni.inference.export.metadata import KEY


class _Description(BaseModel):
    """Part of a file's description that rebuilds its model."""

    settings: dict[str, Any]
    class_counts: list[NonNegativeInt]
    temperature: Temperature | None
    image_size: PositiveInt


def encode(model: ExportedModel, description: dict[str, Any]) -> bytes:
    """Return the weights as a file, with the description as the entry `aduni` of its metadata."""
    state = {name: value.contiguous() for name, value in model.method.state_dict().items()}
    return safetensors.torch.save(state, {KEY: json.dumps(description)})


def load(path: Path, trust: Sequence[str] = ()) -> ExportedModel:
    """Load a model: (N, 3, H, W) uint8 -> (N, C) logits and probabilities.

    Its settings may name this package and those in `trust` (see `read_stored`).
    """
    description, state = _read(path)
    settings = read_stored(description.settings, path, trust)
    method = build_method(settings, np.array(description.class_counts, dtype=np.int64))
    model = ExportedModel(method.eval(), description.temperature or 1.0, description.image_size)
    try:
        model.method.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"{path} holds weights of another model than its settings describe; export it again."
        ) from error
    return model


def runner(path: Path, trust: Sequence[str]) -> Callable[[Pixels], Probabilities]:
    """Load a file as docs/export.md shows, and return the function that runs it."""
    return partial(run_batch, load(path, trust))


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
