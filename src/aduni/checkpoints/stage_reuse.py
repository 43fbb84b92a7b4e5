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

    Returns the epoch of the checkpoint and the settings of its training, for metrics.json.
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
    if not trained_by:
        config = source["config"]
        trained_by = {key: config["names"][key] for key in ("method", "sampler")}
        trained_by |= {key: config[key] for key in ("seed", "epochs", "batch_size", "lr")}
    return {"epoch": int(checkpoint["epoch"]), "trained_by": trained_by}


def load_reused_stage(method: Method, path: Path) -> dict[str, Any]:
    """Load a reused stage's weights from the run's own copy; return what `reuse_stage` does."""
    checkpoint = load_checkpoint(path, "resume")
    load_weights(method, checkpoint, path)
    origin = checkpoint["aduni"].get("origin")
    if origin is None:
        raise UserError(
            f"{path} does not say which run it is of; restore it from a copy, or start a new run."
        )
    return dict(origin)


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
