"""Test a stored checkpoint again on its own data, and describe a run for metrics.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from aduni.config.schema import Settings
from aduni.data.image_data import ImageData
from aduni.evaluation.decide import decide
from aduni.evaluation.evaluation_folder import check_evaluation_folder
from aduni.evaluation.predict import EVALUATION_PRECISION, predict_parts
from aduni.evaluation.trained_model import data_of, load_trained
from aduni.results.decision.decision_json import write_decision
from aduni.results.decision.questions import DecisionQuestions
from aduni.results.run_files import write_metrics, write_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.out_of_memory import FREE_GPU_MEMORY, explain_out_of_memory
from aduni.system.provenance import provenance


def describe(settings: Settings, data: ImageData, selected_epoch: int | None) -> dict[str, Any]:
    """Return the settings of a run that metrics.json repeats, with the epoch that is tested."""
    names = data.table.class_names
    return {
        **settings.names.model_dump(),
        "encoder": settings.encoder["name"],
        **_alpha(settings),
        **{key: getattr(settings, key) for key in ("fold", "seed", "epochs", "batch_size", "lr")},
        "image_size": data.image_size,
        "augment": settings.augment,
        "precision": settings.precision,
        "evaluation_precision": EVALUATION_PRECISION,
        "selected_epoch": selected_epoch,
        "selected_on": data.protocol.selected_on,
        "caveat": data.caveat,
        "split_hash": data.split_hash,
        "task": data.table.task,
        "training_counts": dict(zip(names, data.training_counts.tolist(), strict=True)),
    }


def _alpha(settings: Settings) -> dict[str, Any]:
    if "alpha" not in settings.method:
        return {"alpha": None, "alpha_settings": None}
    values = {key: value for key, value in settings.alpha.items() if not key.startswith("_")}
    return {"alpha": settings.names.alpha, "alpha_settings": values}


def evaluate_checkpoint(
    path: Path,
    root: str | None,
    cache_dir: str,
    output: Path | None,
    trust: Sequence[str] = (),
    questions: DecisionQuestions | None = None,
) -> tuple[Any, RunFolder]:
    """Predict the parts that the protocol reports, and write metrics and predictions.

    Args:
        path: checkpoint.
        root: folder of the data set; None for the one that the training used.
        cache_dir: folder of the cache of resized images.
        output: folder to write to; None for `evaluation/CHECKPOINT` in the run's folder.
        trust: packages whose classes the checkpoint's settings may name.
        questions: for which decision.json in the run's folder says how to decide.

    Returns:
        The content of metrics.json and its folder.
    """
    trained = load_trained(path, trust)
    data = data_of(trained, root, cache_dir)
    selected = path.stem == "best" or trained.calibration is not None  # which the tested one has
    folder = RunFolder(output or trained.run.path / "evaluation" / path.stem)
    check_evaluation_folder(folder, is_of_other_source=False)
    folder.path.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    with explain_out_of_memory(FREE_GPU_MEMORY):
        predictions = predict_parts(trained.method, data, data.protocol.reported, device)
    if questions and questions.is_asked:
        groups = pd.Series(data.groups, index=data.table.images)
        write_decision(decide(trained, predictions, groups, questions), trained.run.decision)
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
