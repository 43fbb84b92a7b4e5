"""Check the files of a run against each other."""

import gzip
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aduni.data.splits.predefined import read_split_file, split_hash
from aduni.errors import UserError
from aduni.metrics.names import ORDINAL
from aduni.results.metrics_json import is_ordinal, value_at
from aduni.results.predictions_csv import evaluate_predictions, probability_columns
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import readable

TOLERANCE = 1e-9
"""Tolerance of a recomputed metric: predictions.csv has all digits, but sums vary in order."""
SUM_TOLERANCE = 1e-6
NUMBER_BYTES = 32
"""Upper bound of the bytes of a probability in predictions.csv."""

CONFIG_KEYS = {
    **{key: f"names.{key}" for key in ("method", "dataset", "sampler", "alpha", "protocol")},
    **{key: key for key in ("fold", "seed", "epochs", "batch_size", "lr")},
    "encoder": "encoder.name",
    "image_size": "dataset.image_size",
    "caveat": "protocol.caveat",
}
"""Keys of metrics.json, and the key of config.yaml with the same value."""


def read_split(file: Path) -> pd.DataFrame:
    """Read a run's split.csv: image, label, group (a number), part."""
    frame = read_split_file(file, "train the run again")
    with readable(file):
        return frame.astype({"group": np.int64})


def check_config(metrics: Mapping[str, Any], config: Mapping[str, Any], folder: RunFolder) -> None:
    """Raise UserError if metrics.json and config.yaml are not of one training."""
    takes_alpha = value_at(config, "method.alpha") is not None
    for key, place in CONFIG_KEYS.items():
        stored, configured = metrics[key], value_at(config, place)
        if key == "alpha" and stored is None and not takes_alpha:
            continue
        if stored != configured:
            raise UserError(
                f"{folder.metrics} says {key} = {stored}, {folder.config.name} {configured}: one "
                "of the two was changed; train the run again."
            )


def check_split(split: pd.DataFrame, metrics: Mapping[str, Any], folder: RunFolder) -> None:
    """Raise UserError if split.csv is not the one that the run was trained on."""
    found, name = split_hash(split), folder.stored_split(metrics["split_hash"]).name
    if found != metrics["split_hash"]:
        raise UserError(
            f"{folder.metrics} says split_hash = {metrics['split_hash']}, {name} "
            f"gives {found}: one of the two was changed; train the run again."
        )
    counted = split.loc[split["part"] == "train", "label"].value_counts().to_dict()
    counts = metrics["training_counts"]
    if counted != {name: count for name, count in counts.items() if count}:
        raise UserError(
            f"{folder.metrics} says other training_counts than {name} gives: one of "
            "the two was changed; train the run again."
        )


def check_packed(file: Path, split: Path, images: int, names: list[str]) -> None:
    """Raise UserError if compressed predictions are damaged, or would unpack to far too much."""
    with readable(file), gzip.open(file) as opened:
        line = NUMBER_BYTES * (len(names) + 1) + 2 * max(len(name.encode()) for name in names)
        # split.csv has the image, label and part too; a header has C names.
        most = 2 * split.stat().st_size + line * (images + 1 + len(names))
        if len(opened.read(most + 1)) > most:
            raise ValueError


def check_predictions(frame: pd.DataFrame, split: pd.DataFrame, names: list[str]) -> str:
    """Return what is wrong with the rows of predictions.csv, or nothing."""
    table = frame[probability_columns(names)].to_numpy(dtype=np.float64)
    if (np.abs(table.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        return "has a row of probabilities whose sum is not 1"
    chosen = pd.Index(names).get_indexer(pd.Index(frame["predicted"]))
    unlikely = table[np.arange(len(table)), chosen] < table.max(axis=1) - TOLERANCE
    if (chosen < 0).any() or unlikely.any():
        return "has a predicted class that is not the most probable one"
    columns = ["image", "part", "label"]
    rows = frame[columns].sort_values(columns, ignore_index=True)
    reported = split[split["part"].isin(rows["part"].unique())][columns]
    if not rows.equals(reported.sort_values(columns, ignore_index=True)):
        return "does not hold the images of split.csv, each once"
    return ""


def check_metrics_by_predictions(metrics: Mapping[str, Any], folder: RunFolder) -> dict[str, Any]:
    """Return the metrics of both parts, checked against those that the predictions give.

    Metrics that metrics.json lacks were added by a later version: they are computed from the
    predictions. Metrics that this version does not know cannot be checked and are left out.
    """
    predictions, parts = folder.stored_predictions, ("validation", "test")
    # A stored kappa is checked even if it is not shown (see `is_ordinal`).
    stored = [(metrics[part] or {}).get(key) for part in parts for key in ORDINAL]
    ordinal = is_ordinal(metrics) or any(value is not None for value in stored)
    names = list(metrics["training_counts"])
    with readable(predictions):
        recomputed = evaluate_predictions(predictions, names, ordinal=ordinal)
    metrics_of: dict[str, Any] = {}
    for part in parts:
        new, old = recomputed[part], metrics[part]
        if new and old:
            known = {key: new[key] for key in new if None not in (new[key], old.get(key))}
            kept = {key: old[key] for key in known}
            metrics_of[part], difference = {**new, **kept}, _first_difference(known, kept, part)
        else:
            metrics_of[part], difference = new, _first_difference(new, old, part)
        if difference:
            raise UserError(
                f"{folder.metrics} says {difference}, which {predictions.name} does not "
                "give: one of the two was changed; evaluate or train the run again."
            )
    return metrics_of


def _first_difference(new: Any, old: Any, name: str) -> str:
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        if new.keys() != old.keys():
            return f"{name} = {', '.join(old)}"
        inner = (_first_difference(new[key], old[key], f"{name}.{key}") for key in new)
        return next((difference for difference in inner if difference), "")
    numbers = isinstance(new, float) and isinstance(old, float | int)
    same = math.isclose(new, old, abs_tol=TOLERANCE, rel_tol=0) if numbers else new == old
    return "" if same else f"{name} = {old}"
