"""Check the files of a run against each other."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aduni.data.splits.split_csv import read_split_file, split_hash
from aduni.errors import UserError
from aduni.results.predictions_csv import probability_column
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import readable

TOLERANCE = 1e-9
"""Tolerance of a recomputed metric: predictions.csv has all digits, but sums vary in order."""
SUM_TOLERANCE = 1e-6
"""Tolerance of the sum of a row of probabilities."""
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
    """Read a run's split.csv: image, label, group (a number), part.

    Raises:
        UserError: it is none.
    """
    frame = read_split_file(file, "train the run again")
    with readable(file):
        return frame.astype({"group": np.int64})


def check_config(metrics: Mapping[str, Any], config: Mapping[str, Any], folder: RunFolder) -> None:
    """Raise UserError if metrics.json and config.yaml are not of one training."""
    takes_alpha = _value(config, "method.alpha") is not None
    for key, place in CONFIG_KEYS.items():
        stored, configured = metrics[key], _value(config, place)
        if key == "alpha" and stored is None and not takes_alpha:
            continue
        if stored != configured:
            raise UserError(
                f"{folder.metrics} says {key} = {stored}, {folder.config.name} {configured}: one "
                "of the two was changed; train the run again."
            )


def _value(config: Any, place: str) -> Any:
    """Return the value at a dotted key; None if there is none."""
    for part in place.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


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
    """Raise UserError if compressed predictions are damaged, or would unpack to far too much.

    Args:
        file: predictions.csv.gz.
        split: the run's split.csv, or the one that it shares.
        images: in it.
        names: of the C classes.
    """
    with readable(file), gzip.open(file) as opened:
        line = NUMBER_BYTES * (len(names) + 1) + 2 * max(len(name.encode()) for name in names)
        # split.csv has the image, label and part too; a header has C names.
        most = 2 * split.stat().st_size + line * (images + 1 + len(names))
        if len(opened.read(most + 1)) > most:
            raise ValueError


def check_predictions(frame: pd.DataFrame, split: pd.DataFrame, names: list[str]) -> str:
    """Return what is wrong with the rows of predictions.csv, or nothing.

    Args:
        frame: of predictions.csv.
        split: of split.csv.
        names: of the C classes.
    """
    table = frame[[probability_column(name) for name in names]].to_numpy(dtype=np.float64)
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
