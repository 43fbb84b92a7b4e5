"""Read predictions.csv and compute the metrics of its rows."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError
from aduni.metrics.evaluation import evaluate
from aduni.system.atomic_files import readable
from aduni.system.csv_escape import read_saved

TEXT_COLUMNS = ("image", "part", "label", "predicted")
MAX_NAMED_CLASSES = 10


def evaluate_predictions(
    path: Path, class_names: list[str], *, ordinal: bool = False
) -> dict[str, dict[str, Any] | None]:
    """Compute the metrics of the validation and test rows; None for an absent part."""
    frame = read_predictions(path, class_names)
    figures: dict[str, dict[str, Any] | None] = {}
    for part in ("validation", "test"):
        rows = frame[frame["part"] == part]
        figures[part] = (
            evaluate(*labels_and_probabilities(rows, class_names), class_names, ordinal=ordinal)
            if len(rows)
            else None
        )
    return figures


def read_predictions(path: Path, class_names: Sequence[str]) -> pd.DataFrame:
    """Read predictions.csv: image, part, label, predicted (class names), a probability a class."""
    remedy = "evaluate or train the run again"
    columns = probability_columns(class_names)
    with readable(path):
        frame = read_saved(path, TEXT_COLUMNS)
    missing = [column for column in (*TEXT_COLUMNS, *columns) if column not in frame.columns]
    if missing:
        names = ", ".join(
            [
                *class_names[:MAX_NAMED_CLASSES],
                *(["..."] if len(class_names) > MAX_NAMED_CLASSES else []),
            ]
        )
        raise UserError(
            f"{path} lacks the column {missing[0]}: it is cut, or holds predictions of other "
            f"classes than {names}; {remedy}."
        )
    if frame.empty:
        raise UserError(f"{path} has no rows; {remedy}.")
    with readable(path):
        frame = frame.astype(dict.fromkeys(columns, np.float64))
    if not frame["label"].isin(class_names).all():
        raise UserError(f"{path} is cut or was changed; {remedy}.")
    table = frame[columns].to_numpy()
    if not ((table >= 0) & (table <= 1)).all():  # NaN is neither
        raise UserError(f"{path} has a probability outside 0 to 1; {remedy}.")
    return frame


def labels_and_probabilities(
    rows: pd.DataFrame, class_names: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) class numbers and (n, C) probabilities of n rows of predictions."""
    labels = pd.Categorical(rows["label"], categories=class_names).codes.astype(np.int64)
    columns = probability_columns(class_names)
    return labels, rows[columns].to_numpy(dtype=np.float64)


def probability_columns(class_names: Iterable[str]) -> list[str]:
    """Return the names of the columns with the classes' probabilities."""
    return [probability_column(name) for name in class_names]


def probability_column(class_name: str) -> str:
    """Return the name of the column with a class's probabilities."""
    return f"p_{class_name}"
