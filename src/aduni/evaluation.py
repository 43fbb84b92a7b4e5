"""A stored checkpoint tested again on its own data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from aduni.checkpoints import load_checkpoint, load_weights
from aduni.errors import UserError
from aduni.files import write_csv, write_json
from aduni.out_of_memory import memory_explained
from aduni.predictions import predict_parts
from aduni.provenance import provenance
from aduni.results import RunFolder
from aduni.run import build_data, build_method, describe
from aduni.scores import evaluate_predictions
from aduni.stored import read_stored

FREE_MEMORY = (
    "free some, or hide the GPU with the environment variable CUDA_VISIBLE_DEVICES= to use the CPU"
)


def evaluate_checkpoint(
    path: Path, root: str | None, output: Path | None, trust: Sequence[str] = ()
) -> tuple[Any, RunFolder]:
    """Predict the validation and test parts with a checkpoint and write figures and predictions.

    Args:
        path: a checkpoint of a run.
        root: where the data set lies now; None for where it was.
        output: folder to write to; None for `evaluation/NAME` in the run's folder, NAME being
            the checkpoint's.
        trust: packages that the stored settings may name beside this one (see `read_stored`).

    Returns:
        What metrics.json holds, and the folder it is in.

    Raises:
        UserError: no checkpoint of this project, its settings name what they may not, the data set
            is not the one it learned from, or memory ran out.
    """
    checkpoint = load_checkpoint(path, "ckpt")
    stored = checkpoint["aduni"]
    settings = read_stored(stored["config"], path, trust)
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
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    with memory_explained(FREE_MEMORY):
        predictions = predict_parts(method, data, data.protocol.reported, device)
    write_csv(predictions, folder.predictions)
    metrics = {
        **describe(settings, data, checkpoint["epoch"] if path.stem == "best" else None),
        "checkpoint": str(path),
        "epoch": checkpoint["epoch"],
        **evaluate_predictions(folder.predictions, data.table.class_names),
        **provenance(),
    }
    write_json(metrics, folder.metrics)
    return metrics, folder
