"""Load checkpoints without executing code from the files."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from aduni.checkpoints.schema import CheckpointContent, first_fault
from aduni.errors import UserError
from aduni.methods.base import Method
from aduni.models.weights import check_archive
from aduni.shortage import raise_shortage

METHOD_PREFIX = "method."
"""Prefix of a method's weights in the state of its LightningModule."""


def load_checkpoint(path: Path, key: str) -> dict[str, Any]:
    """Return the content of a checkpoint; errors name the configuration key of its path."""
    try:
        check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except IsADirectoryError as error:
        raise UserError(
            f"{path} is a folder; give a file with {key}=, of a run checkpoints/best.ckpt."
        ) from error
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; give a checkpoint of a run with {key}=.") from error
    except Exception as error:  # zipfile, its decompressors and torch raise many kinds of errors
        raise_shortage(error)
        raise UserError(
            f"{path} is not a readable checkpoint; give another with {key}=."
        ) from error
    try:
        CheckpointContent.model_validate(checkpoint)
    except ValidationError as error:
        raise UserError(
            f"{path} was not written by this project ({first_fault(error)}); give another with "
            f"{key}=."
        ) from error
    return dict(checkpoint)


def readable_checkpoint(checkpoints: Iterable[Path]) -> Path | None:
    """Return a checkpoint that can be read, if each stage that has checkpoints has such a one."""
    readable: dict[Path, Path | None] = {}
    for path in checkpoints:
        if not readable.get(path.parent):
            readable[path.parent] = path if _is_readable(path) else None
    return None if None in readable.values() else next(iter(readable.values()), None)


def _is_readable(path: Path) -> bool:
    try:
        load_checkpoint(path, "resume")
    except UserError:
        return False
    return True


def check_readable(checkpoint: dict[str, Any]) -> None:
    """Raise UserError if a checkpoint holds objects of a user's class that cannot be read again."""
    empty = torch.empty(0)
    weights = checkpoint["state_dict"].items()
    plain = (Tensor, nn.Parameter)  # always storable, and too large to write twice
    state = {name: empty if type(value) in plain else value for name, value in weights}
    file = BytesIO()
    try:
        torch.save({**checkpoint, "state_dict": state}, file)
        file.seek(0)
        CheckpointContent.model_validate(torch.load(file, map_location="cpu", weights_only=True))
    except ValidationError as error:
        raise UserError(_unreadable_message(first_fault(error))) from error
    except Exception as error:  # many kinds, as above, and those of values that cannot be written
        raise_shortage(error)
        raise UserError(_unreadable_message("it holds objects")) from error


def _unreadable_message(reason: str) -> str:
    return (
        f"Checkpoints of this run could not be read again ({reason}); correct what a class of "
        "yours puts there: tensors, texts, numbers and lists of these."
    )


def method_state(method: Method) -> dict[str, Any]:
    """Return the method's weights, named as in a checkpoint."""
    return {METHOD_PREFIX + name: value for name, value in method.state_dict().items()}


def load_weights(method: Method, checkpoint: dict[str, Any], path: Path) -> None:
    """Load a checkpoint's weights into the method."""
    try:
        method.load_state_dict(weights(checkpoint))
    # Errors other than RuntimeError are raised by a module's extra state.
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise_shortage(error)
        raise UserError(
            f"{path} holds weights of another model than its settings describe; restore it from a "
            "copy, or train the run again."
        ) from error


def weights(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's weights, named as in the method's `state_dict`."""
    state, prefix = checkpoint["state_dict"].items(), METHOD_PREFIX
    return {name.removeprefix(prefix): value for name, value in state if name.startswith(prefix)}


def shapes(state: Mapping[str, Any]) -> dict[str, torch.Size | None]:
    """Return the shape of each weight by name; None for extra state that is not a tensor."""
    return {name: getattr(value, "shape", None) for name, value in state.items()}
