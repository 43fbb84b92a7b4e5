"""Replace a stage of training by the weights of an earlier run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aduni.checkpoints.load import load_checkpoint, load_weights, shapes, weights
from aduni.data.cache.decode import ALL_BITS
from aduni.errors import UserError
from aduni.methods.base import Method, Stage


def reuse_stage(method: Method, stage: Stage, stored: dict[str, Any]) -> dict[str, Any]:
    """Load the weights of a stage's trainable modules from the checkpoint of an earlier run.

    Args:
        method: method whose weights are replaced.
        stage: stage that names the checkpoint.
        stored: metadata that this run writes into its own checkpoints.

    Returns:
        Epoch of the checkpoint and settings of its training, for metrics.json.

    Raises:
        UserError: if the checkpoint has other data, another split, another loss or another model.
    """
    path = Path(str(stage.init_from))
    key = "method.stage1_ckpt"
    checkpoint = load_checkpoint(path, key)
    source = checkpoint["aduni"]
    theirs, ours = _shared_settings(source), _shared_settings(stored)
    for name, value in ours.items():
        if theirs[name] != value:
            raise UserError(
                f"{path} was trained with {name}={theirs[name]}, this run has {value}; give a "
                f"checkpoint of the same data and encoder with {key}=."
            )
    loss_id = source.get("objective")
    if not loss_id or loss_id != dict(stage.loss_id):
        raise UserError(
            f"{path} (method={source['config']['names']['method']}, stage {source['stage']}) was "
            f"trained by {_format_loss(loss_id or {})}, not by {_format_loss(stage.loss_id)}; give "
            f"another checkpoint with {key}=."
        )
    prefixes = tuple(f"{module}." for module in stage.trainable)
    new = {name: value for name, value in weights(checkpoint).items() if name.startswith(prefixes)}
    own = {name: value for name, value in method.state_dict().items() if name.startswith(prefixes)}
    if shapes(new) != shapes(own):
        raise UserError(
            f"{path} does not hold the weights of {' and '.join(stage.trainable)}; give another "
            f"with {key}=."
        )
    method.load_state_dict(new, strict=False)
    trained_by = (source.get("origin") or {}).get("trained_by")  # set if the source is a copy
    trained_by = trained_by or _training_settings(source["config"])
    return {"epoch": int(checkpoint["epoch"]), "trained_by": trained_by}


def load_reused_stage(method: Method, path: Path) -> dict[str, Any]:
    """Load the weights of a reused stage from the run's own copy.

    Args:
        method: method whose weights are replaced.
        path: path of the copy.

    Returns:
        Same as `reuse_stage`.

    Raises:
        UserError: if the file is no copy of a reused stage.
    """
    checkpoint = load_checkpoint(path, "resume")
    load_weights(method, checkpoint, path)
    origin = checkpoint["aduni"].get("origin")
    if origin is None:
        raise UserError(
            f"{path} does not say which run it is of; restore it from a copy, or start a new run."
        )
    return dict(origin)


def _training_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that may differ between the runs, to be recorded in metrics.json."""
    names = {key: config["names"][key] for key in ("method", "sampler")}
    return names | {key: config[key] for key in ("seed", "epochs", "batch_size", "lr")}


def _format_loss(loss_id: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in loss_id.items()) or "another loss"


def _shared_settings(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that two runs must share for one to reuse a stage of the other."""
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
