"""Write and read the files of a run's folder, in the order that keeps it resumable."""

from typing import Any

import pandas as pd

from aduni.results.metrics_json import check_metrics
from aduni.results.predictions_csv import evaluate_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import (
    read_json,
    read_yaml,
    readable,
    write_csv,
    write_json,
    write_yaml,
)


def read_metrics(folder: RunFolder) -> dict[str, Any]:
    """Read metrics.json; raise UserError if it is damaged, lacks a key or has a wrong type."""
    with readable(folder.metrics):
        metrics = read_json(folder.metrics)
    check_metrics(metrics, folder.metrics)
    return metrics


def read_config(folder: RunFolder) -> dict[str, Any]:
    """Read config.yaml; raises UserError if it is damaged."""
    with readable(folder.config):
        return read_yaml(folder.config)


def write_inputs(
    folder: RunFolder, config: dict[str, Any], split: pd.DataFrame, sources: pd.DataFrame | None
) -> None:
    """Write what the run is made of, before it starts; `sources` is None without source files."""
    write_csv(split, folder.split)
    if sources is not None:
        write_csv(sources, folder.sources)
    write_yaml(config, folder.config)  # last: it makes the folder resumable


def write_predictions(
    folder: RunFolder, predictions: pd.DataFrame, class_names: list[str], *, ordinal: bool
) -> dict[str, Any]:
    """Write predictions.csv and return the metrics of each part, computed from the file."""
    write_csv(predictions, folder.predictions)
    return evaluate_predictions(folder.predictions, class_names, ordinal=ordinal)


def write_metrics(folder: RunFolder, metrics: dict[str, Any]) -> None:
    """Write metrics.json, the last file of a run: its presence means that the run is over."""
    write_json(metrics, folder.metrics)
