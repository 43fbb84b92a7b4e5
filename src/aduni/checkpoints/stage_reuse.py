"""A stage of an earlier run in place of a stage of this one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aduni.checkpoints.load import load_checkpoint, load_weights, shapes, weights
from aduni.data.cache.decode import ALL_BITS
from aduni.errors import UserError
from aduni.methods.base import Method, Stage


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
    path = Path(str(stage.init_from))
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
    if not objective or objective != dict(stage.loss_id):
        raise UserError(
            f"{path} (method={origin['config']['names']['method']}, stage {origin['stage']}) was "
            f"trained by {_shown(objective or {})}, not by {_shown(stage.loss_id)}; give another "
            f"checkpoint with {key}=."
        )
    wanted = tuple(f"{module}." for module in stage.trainable)
    found = {name: value for name, value in weights(checkpoint).items() if name.startswith(wanted)}
    own = {name: value for name, value in method.state_dict().items() if name.startswith(wanted)}
    if shapes(found) != shapes(own):
        raise UserError(
            f"{path} does not hold the weights of {' and '.join(stage.trainable)}; give another "
            f"with {key}=."
        )
    method.load_state_dict(found, strict=False)
    earlier = (origin.get("origin") or {}).get("trained_by")  # of a copy
    return {"epoch": int(checkpoint["epoch"]), "trained_by": earlier or _recipe(origin["config"])}


def kept_stage(method: Method, path: Path) -> dict[str, Any]:
    """Take the weights of a reused stage from the run's own copy.

    Args:
        method: receives them.
        path: of the copy.

    Returns:
        As `reuse_stage`.

    Raises:
        UserError: it is no such copy.
    """
    checkpoint = load_checkpoint(path, "resume")
    load_weights(method, checkpoint, path)
    origin = checkpoint["aduni"].get("origin")
    if origin is None:
        raise UserError(
            f"{path} does not say which run it is of; restore it from a copy, or start a new run."
        )
    return dict(origin)


def _recipe(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of a reused stage that its user may choose freely, but should find again."""
    chosen = {key: config["names"][key] for key in ("method", "sampler")}
    return chosen | {key: config[key] for key in ("seed", "epochs", "batch_size", "lr")}


def _shown(objective: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in objective.items()) or "another loss"


def _origin(stored: dict[str, Any]) -> dict[str, Any]:
    """What two runs must share for one to go on from the other."""
    config = stored["config"]
    return {
        "dataset": config["names"]["dataset"],
        "fold": config["fold"],
        "dataset.image_size": config["dataset"]["image_size"],
        "dataset.bits": config["dataset"].get("bits", ALL_BITS),
        "encoder.name": config["encoder"]["name"],
        "encoder.stem": config["encoder"]["stem"],
        "split_hash": stored["split_hash"],
    }
