"""Describe an exported model with all that a program needs to serve it."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from aduni.config.schema import Settings
from aduni.evaluation.trained_model import TrainedModel
from aduni.system.provenance import provenance

KEY = "aduni"
"""Key of the description, a JSON text, in a file's metadata."""


def describe(trained: TrainedModel) -> dict[str, Any]:
    """Return the description as plain values; docs/export.md explains each."""
    settings, side = trained.settings, trained.image_size
    calibration, origin = trained.calibration, provenance()
    return {
        "class_names": trained.class_names,
        "image_size": side,
        "input": f"images: uint8, (N, 3, {side}, {side}), 0 to 255, not normalised",
        "colours": "RGB",
        "resize": "bilinear with antialiasing, to a square, whatever the image's shape",
        "bits": trained.input_format.bits,
        "grey_levels": "of 16-bit files: level >> (bits - 8), not above 2 ** bits - 1",
        "normalisation": "(pixels / 255 - mean) / std, inside the model",
        "mean": settings.encoder.get("mean"),
        "std": settings.encoder.get("std"),
        "outputs": "logits: (N, C); probabilities: softmax(logits / temperature), (N, C)",
        "temperature": calibration.temperature if calibration else None,
        "calibration": asdict(calibration) if calibration else None,
        **settings.names.model_dump(include={"method", "dataset", "protocol"}),
        "encoder": _without_folders(settings.encoder.get("name")),
        "caveat": settings.protocol.get("caveat"),
        "fold": settings.fold,
        "seed": settings.seed,
        "epoch": trained.epoch,
        "class_counts": trained.class_counts.tolist(),
        "split_hash": trained.split_hash,
        "checkpoint_sha256": sha256(trained.path.read_bytes()).hexdigest(),
        "settings": _portable(settings),
        "versions": origin["versions"],
        "git_commit": origin["git_commit"],
        "notice": "Not a medical device.",
    }


def _portable(settings: Settings) -> dict[str, Any]:
    """Return the settings that rebuild the method, without paths and accounts of the machine."""
    plain = settings.model_dump() | {"resume": None}
    plain["dataset"] |= {"root": "", "cache_dir": ""}
    portable: dict[str, Any] = _without_folders(plain)
    return portable


def _without_folders(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_folders(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_folders(value) for value in node]
    prefix = "local-dir:" if isinstance(node, str) and node.startswith("local-dir:") else ""
    if isinstance(node, str) and Path(node.removeprefix(prefix)).is_absolute():
        return prefix + Path(node).name
    return node
