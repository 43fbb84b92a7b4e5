"""A stored checkpoint tested again on its own data."""

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from aduni.checkpoints import load_checkpoint, load_weights
from aduni.config import Settings
from aduni.errors import UserError
from aduni.files import write_csv, write_json
from aduni.predictions import predict_parts
from aduni.provenance import provenance
from aduni.results import RunFolder
from aduni.run import build_data, build_method, describe
from aduni.scores import evaluate_predictions


def evaluate_checkpoint(path: Path, root: str | None, output: Path | None) -> tuple[Any, RunFolder]:
    """Predict the validation and test parts with a checkpoint and write figures and predictions.

    Args:
        path: a checkpoint of a run.
        root: where the data set lies now; None for where it was.
        output: folder to write to; None for `evaluation/NAME` in the run's folder, NAME being
            the checkpoint's.

    Returns:
        What metrics.json holds, and the folder it is in.

    Raises:
        UserError: no checkpoint of this project, or the data set is not the one it learned from.
    """
    checkpoint = load_checkpoint(path, "ckpt")
    stored = checkpoint["aduni"]
    try:
        settings = Settings.model_validate(stored["config"])
    except ValidationError as error:
        raise UserError(
            f"{path} holds settings that this version does not know; evaluate it with the version "
            "that trained it."
        ) from error
    settings.encoder["weights"] = None  # all weights come from the checkpoint
    if root is not None:
        settings.dataset["root"] = root
    run = RunFolder(path.resolve().parent.parent)
    if run.split.is_file():
        settings.protocol["split_file"] = str(run.split)
    data = build_data(settings)
    if data.split_hash != stored["split_hash"]:
        raise UserError(
            f"{data.root} is not the data set that {path} was trained on: images, labels or "
            "split differ; set dataset.root to the original one."
        )
    method = build_method(settings, data)
    load_weights(method, checkpoint)
    folder = RunFolder(output or run.path / "evaluation" / path.stem)
    folder.path.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    write_csv(predict_parts(method, data, data.protocol.reported, device), folder.predictions)
    metrics = {
        **describe(settings, data, checkpoint["epoch"] if path.stem == "best" else None),
        "checkpoint": str(path),
        "epoch": checkpoint["epoch"],
        **evaluate_predictions(folder.predictions, data.table.class_names),
        **provenance(),
    }
    write_json(metrics, folder.metrics)
    return metrics, folder
