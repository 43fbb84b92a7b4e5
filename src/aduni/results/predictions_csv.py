"""What a run's history and predictions say, computed from the files alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError
from aduni.metrics.evaluate import evaluate
from aduni.system.atomic_files import readable
from aduni.system.csv_escape import read_saved

TEXTS = ("image", "part", "label", "predicted")
"""Columns of predictions.csv beside the probabilities."""
NAMED = 10
"""Classes at most in a sentence."""


def training_speed(history: Path) -> dict[str, float | None]:
    """train_seconds, validation passes included, and training images_per_second (not views).

    Without a history nothing was trained: 0 and None.
    """
    frame = read_history(history)
    if frame.empty:
        return {"train_seconds": 0.0, "images_per_second": None}
    seconds = float(frame["seconds"].sum())
    return {
        "train_seconds": round(seconds, 3),
        "images_per_second": round(float(frame["images"].sum()) / seconds, 2),
    }


def read_history(path: Path) -> pd.DataFrame:
    """Read history.csv: a row an epoch, as `callbacks.History` writes them.

    Returns:
        stage, epoch, loss, images, seconds, further numbers; empty where nothing was trained.

    Raises:
        UserError: they are not there; the seconds of the epochs before are then lost.
    """
    if not path.exists():
        return pd.DataFrame()
    remedy = "restore it from a copy of the run, or start a new run"
    with readable(path, remedy):
        frame = read_saved(path, ("stage",))
        numbers = frame.drop(columns="stage", errors="ignore").astype(np.float64)
    counted = numbers.reindex(columns=["epoch", "images", "seconds"])
    whole = np.isfinite(counted).all(axis=None) and (counted["epoch"] % 1 == 0).all()
    there = {"stage", "loss"} <= set(frame.columns)
    if frame.empty or not there or not whole or np.isinf(numbers).any(axis=None):
        raise UserError(f"{path} is cut or was changed; {remedy}.")
    return frame


def evaluate_predictions(
    path: Path, class_names: list[str], *, ordinal: bool = False
) -> dict[str, dict[str, Any] | None]:
    """Figures of the validation and test rows of a predictions.csv, None for an absent part.

    Args:
        path: written by a run.
        class_names: C names, in the order of class numbers.
        ordinal: whether that order has a meaning.

    Raises:
        UserError: the file does not fit the class names.
    """
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
    """Read predictions.csv, plain or compressed.

    Args:
        path: written by a run.
        class_names: C names, in the order of class numbers.

    Returns:
        image, part, label, predicted (class names), and one probability a class.

    Raises:
        UserError: it is damaged, or of other classes.
    """
    remedy = "evaluate or train the run again"
    columns = [probability_column(name) for name in class_names]
    with readable(path):
        frame = read_saved(path, TEXTS)
    missing = [column for column in (*TEXTS, *columns) if column not in frame.columns]
    if missing:
        names = ", ".join([*class_names[:NAMED], *(["..."] if len(class_names) > NAMED else [])])
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
    """(n,) class numbers and (n, C) probabilities of n rows of predictions."""
    labels = pd.Categorical(rows["label"], categories=class_names).codes.astype(np.int64)
    columns = [probability_column(name) for name in class_names]
    return labels, rows[columns].to_numpy(dtype=np.float64)


def probability_column(class_name: str) -> str:
    """Header of a class's probabilities in predictions.csv."""
    return f"p_{class_name}"
