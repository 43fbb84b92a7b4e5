"""Test a stored checkpoint again on its own data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field

from aduni.config.schema import read
from aduni.errors import UserError
from aduni.evaluation.describe import describe
from aduni.evaluation.predict import predict_parts
from aduni.evaluation.trained_model import DataPlace, data_of, load_trained
from aduni.results.run_files import write_metrics, write_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.out_of_memory import explain_out_of_memory
from aduni.system.provenance import provenance

FREE_MEMORY = (
    "free some, or hide the GPU with the environment variable CUDA_VISIBLE_DEVICES= to use the CPU"
)


class EvaluateSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True, frozen=True):
    """All keys of conf/evaluate.yaml."""

    ckpt: Annotated[str, Field(min_length=1)]
    dataset: DataPlace
    trust: list[str]
    output: str | None
    verbose: bool


def read_evaluate_settings(config: DictConfig) -> EvaluateSettings:
    """Check the settings of evaluate.py.

    Raises:
        UserError: a key is missing or unknown, or a value of the wrong type.
    """
    if OmegaConf.is_missing(config, "ckpt"):
        raise UserError("ckpt is missing; give it on the command line.")
    return read(config, EvaluateSettings, ())


def evaluate_checkpoint(
    path: Path,
    root: str | None,
    cache_dir: str,
    output: Path | None,
    trust: Sequence[str] = (),
) -> tuple[Any, RunFolder]:
    """Predict the validation and test parts with a checkpoint, and write metrics and predictions.

    Args:
        path: a checkpoint of a run.
        root: where the data set lies now; None for where it was.
        cache_dir: where resized images are kept; see `data_of`.
        output: folder to write to; None for `evaluation/NAME` in the run's folder, NAME being
            the checkpoint's.
        trust: packages that the stored settings may name beside this one (see `read_stored`).

    Returns:
        What metrics.json holds, and the folder it is in.

    Raises:
        UserError: no checkpoint of this project, its settings name what they may not, the data set
            is not the one it learned from, or memory ran out.
    """
    trained = load_trained(path, trust)
    data = data_of(trained, root, cache_dir)
    selected = path.stem == "best" or trained.calibration is not None  # which the tested one has
    folder = RunFolder(output or trained.run.path / "evaluation" / path.stem)
    folder.path.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    with explain_out_of_memory(FREE_MEMORY):
        predictions = predict_parts(trained.method, data, data.protocol.reported, device)
    names, ordinal = data.table.class_names, data.table.is_ordinal
    metrics = {
        **describe(trained.settings, data, trained.epoch if selected else None),
        "checkpoint": str(path),
        "epoch": trained.epoch,
        **write_predictions(folder, predictions, names, ordinal=ordinal),
        **provenance(),
    }
    write_metrics(folder, metrics)
    return metrics, folder
