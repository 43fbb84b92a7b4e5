"""Reading stored weights; nothing in a file is executed."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from aduni.checkpoints.schema import Content, fault
from aduni.errors import UserError
from aduni.methods.base import Method
from aduni.shortage import raise_shortage

PREFIX = "method."
"""Of a method's weights in the state of its learner."""


def load_checkpoint(path: Path, key: str) -> dict[str, Any]:
    """The content of a checkpoint.

    Args:
        path: of the file.
        key: of the configuration that gives the path, for the errors.

    Raises:
        UserError: missing, unreadable, or not written by this project.
    """
    try:
        _check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except IsADirectoryError as error:
        raise UserError(
            f"{path} is a folder; give a file with {key}=, of a run checkpoints/best.ckpt."
        ) from error
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; give a checkpoint of a run with {key}=.") from error
    except Exception as error:  # zipfile, its decompressors and torch raise errors of many kinds
        raise_shortage(error)
        raise UserError(
            f"{path} is not a readable checkpoint; give another with {key}=."
        ) from error
    try:
        Content.model_validate(checkpoint)
    except ValidationError as error:
        raise UserError(
            f"{path} was not written by this project ({fault(error)}); give another with {key}=."
        ) from error
    return dict(checkpoint)


def check_readable(checkpoint: dict[str, Any]) -> None:
    """Check that a checkpoint that a run is about to write can be read again.

    Args:
        checkpoint: its content.

    Raises:
        UserError: it cannot, since a class of the user's own puts something else into it.
    """
    empty = torch.empty(0)
    weights = checkpoint["state_dict"].items()
    state = {name: empty if _is_plain(value) else value for name, value in weights}
    file = BytesIO()
    try:
        torch.save({**checkpoint, "state_dict": state}, file)
        file.seek(0)
        Content.model_validate(torch.load(file, map_location="cpu", weights_only=True))
    except ValidationError as error:
        raise UserError(_unreadable(fault(error))) from error
    except Exception as error:  # as in load_checkpoint, and of values that cannot be written
        raise_shortage(error)
        raise UserError(_unreadable("it holds objects")) from error


def _is_plain(value: Any) -> bool:
    """Whether a value is a tensor that can be written and read."""
    return type(value) in (Tensor, nn.Parameter)


def _unreadable(reason: str) -> str:
    return (
        f"Checkpoints of this run could not be read again ({reason}); correct what a class of "
        "yours puts there: tensors, texts, numbers and lists of these."
    )


def _check_archive(path: Path) -> None:
    """Raise BadZipFile for what torch overlooks.

    That is wrong checksums, entries made folders, and compressed content, which might swell: torch
    stores it as it is.
    """
    with ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.external_attr or entry.compress_type != ZIP_STORED for entry in entries):
            raise BadZipFile
        if sum(entry.file_size for entry in entries) > path.stat().st_size or archive.testzip():
            raise BadZipFile


def method_state(method: Method) -> dict[str, Any]:
    """The method's weights, named as in a checkpoint."""
    return {PREFIX + name: value for name, value in method.state_dict().items()}


def load_weights(method: Method, checkpoint: dict[str, Any], path: Path) -> None:
    """Put a checkpoint's weights into the method.

    Args:
        method: receives them.
        checkpoint: its content.
        path: of the checkpoint, for the error.

    Raises:
        UserError: they are those of another model.
    """
    try:
        method.load_state_dict(weights(checkpoint))
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise_shortage(error)
        # The last ones are of a module's extra state.
        raise UserError(
            f"{path} holds weights of another model than its settings describe; restore it from a "
            "copy, or train the run again."
        ) from error


def weights(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The method's, named as the method names them."""
    state = checkpoint["state_dict"].items()
    return {name.removeprefix(PREFIX): value for name, value in state if name.startswith(PREFIX)}


def shapes(state: Mapping[str, Any]) -> dict[str, torch.Size | None]:
    """By the weights' names; None for a module's extra state that is no tensor."""
    return {name: getattr(value, "shape", None) for name, value in state.items()}
