"""Reading stored weights; nothing in a file is executed."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from aduni.errors import UserError
from aduni.methods.base import Method, Stage

PREFIX = "method."
"""Of a method's weights in the state of its learner."""

# What zipfile and torch raise for damaged files, where they do not crash into the damage.
DAMAGE = (
    *(OSError, RuntimeError, EOFError, UnpicklingError, BadZipFile, zlib.error),
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError),
)


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
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; give a checkpoint of a run with {key}=.") from error
    except DAMAGE as error:
        raise UserError(
            f"{path} is not a readable checkpoint; give another with {key}=."
        ) from error
    if not isinstance(checkpoint, dict) or "aduni" not in checkpoint:
        raise UserError(f"{path} was not written by this project; give another with {key}=.")
    return checkpoint


def _check_archive(path: Path) -> None:
    """Raise BadZipFile for damage that torch overlooks: wrong checksums, entries made folders."""
    with ZipFile(path) as archive:
        if archive.testzip() or any(entry.external_attr for entry in archive.infolist()):
            raise BadZipFile


def method_state(method: Method) -> dict[str, Any]:
    """The method's weights, named as in a checkpoint."""
    return {PREFIX + name: value for name, value in method.state_dict().items()}


def load_weights(method: Method, checkpoint: dict[str, Any]) -> None:
    """Put a checkpoint's weights into the method."""
    method.load_state_dict(_weights(checkpoint))


def reuse_stage(method: Method, stage: Stage, stored: dict[str, Any]) -> dict[str, Any]:
    """Take the weights of a stage's trainable modules from the checkpoint of an earlier run.

    Args:
        method: receives them.
        stage: names the checkpoint.
        stored: what this run writes into its own checkpoints.

    Returns:
        For metrics.json: the epoch that the checkpoint is of, and how it was trained.

    Raises:
        UserError: it comes from other data, another split, another loss or another kind of model.
    """
    path = Path(str(stage.reuse))
    key = "method.stage1_ckpt"
    checkpoint = load_checkpoint(path, key)
    origin = checkpoint["aduni"]
    theirs, ours = _origin(origin), _origin(stored)
    for name, value in ours.items():
        if theirs[name] != value:
            raise UserError(
                f"{path} was trained with {name}={theirs[name]}, this run has {value}; give a "
                f"checkpoint of the same data and encoder with {key}=."
            )
    objective = origin.get("objective")
    if not objective or objective != dict(stage.objective):
        raise UserError(
            f"{path} (method={origin['config']['names']['method']}, stage {origin['stage']}) was "
            f"trained by {_shown(objective or {})}, not by {_shown(stage.objective)}; give another "
            f"checkpoint with {key}=."
        )
    wanted = tuple(f"{module}." for module in stage.trainable)
    found = {name: value for name, value in _weights(checkpoint).items() if name.startswith(wanted)}
    own = {name: value for name, value in method.state_dict().items() if name.startswith(wanted)}
    if {k: v.shape for k, v in found.items()} != {k: v.shape for k, v in own.items()}:
        raise UserError(
            f"{path} does not hold the weights of {' and '.join(stage.trainable)}; give another "
            f"with {key}=."
        )
    method.load_state_dict(found, strict=False)
    earlier = origin.get("origin", {}).get("trained_by")  # of a copy
    return {"epoch": int(checkpoint["epoch"]), "trained_by": earlier or _recipe(origin["config"])}


def _recipe(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of a reused stage that its user may choose freely, but should find again."""
    chosen = {key: config["names"][key] for key in ("method", "sampler")}
    return chosen | {key: config[key] for key in ("seed", "epochs", "batch_size", "lr")}


def _shown(objective: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in objective.items()) or "another loss"


def _weights(checkpoint: dict[str, Any]) -> dict[str, Any]:
    state = checkpoint["state_dict"].items()
    return {name.removeprefix(PREFIX): value for name, value in state if name.startswith(PREFIX)}


def _origin(stored: dict[str, Any]) -> dict[str, Any]:
    """What two runs must share for one to go on from the other."""
    config = stored["config"]
    return {
        "dataset": config["names"]["dataset"],
        "fold": config["fold"],
        "dataset.image_size": config["dataset"]["image_size"],
        "encoder.name": config["encoder"]["name"],
        "encoder.stem": config["encoder"]["stem"],
        "split_hash": stored["split_hash"],
    }
