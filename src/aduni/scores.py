"""What a run's history and predictions say, computed from the files alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError
from aduni.metrics import evaluate
from aduni.spreadsheet import restored


def training_speed(history: Path) -> dict[str, float | None]:
    """train_seconds, validation passes included, and training images_per_second (not views).

    Without a history nothing was trained: 0 and None.
    """
    if not history.exists():
        return {"train_seconds": 0.0, "images_per_second": None}
    frame = read_history(history)
    seconds = float(frame["seconds"].sum())
    return {
        "train_seconds": round(seconds, 3),
        "images_per_second": round(float(frame["images"].sum()) / seconds, 2),
    }


def read_history(path: Path) -> pd.DataFrame:
    """A row an epoch, as `callbacks.History` writes them.

    Raises:
        UserError: they are not; the seconds of the epochs before are then lost.
    """
    remedy = "restore it from a copy of the run, or start a new run"
    try:
        frame = pd.read_csv(path)
    except ValueError as error:  # pandas' own errors are of this kind
        raise UserError(f"{path} is not readable as CSV; {remedy}.") from error
    numbers = frame.reindex(columns=["epoch", "images", "seconds"])
    try:
        whole = bool(np.isfinite(numbers.to_numpy(dtype=np.float64)).all())
    except ValueError:  # words
        whole = False
    if "stage" not in frame.columns or not whole:
        raise UserError(f"{path} is cut or was changed; {remedy}.")
    return frame


def evaluate_predictions(path: Path, class_names: list[str]) -> dict[str, dict[str, Any] | None]:
    """Figures of the validation and test rows of a predictions.csv, None for an absent part.

    Args:
        path: written by a run.
        class_names: C names, in the order of class numbers.

    Raises:
        UserError: the file does not fit the class names.
    """
    columns = [probability_column(name) for name in class_names]
    frame = _read_predictions(path)
    if not {"part", "label", *columns} <= set(frame.columns):
        raise UserError(f"{path} holds predictions of other classes than {', '.join(class_names)}.")
    if frame[columns].isna().any(axis=None) or not frame["label"].isin(class_names).all():
        raise UserError(f"{path} is cut or was changed; evaluate or train the run again.")
    figures: dict[str, dict[str, Any] | None] = {}
    for part in ("validation", "test"):
        rows = frame[frame["part"] == part]
        figures[part] = (
            evaluate(*labels_and_probabilities(rows, class_names), class_names)
            if len(rows)
            else None
        )
    return figures


def labels_and_probabilities(
    rows: pd.DataFrame, class_names: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n,) class numbers and (n, C) probabilities of n rows of predictions."""
    labels = pd.Categorical(rows["label"], categories=class_names).codes.astype(np.int64)
    columns = [probability_column(name) for name in class_names]
    return labels, rows[columns].to_numpy(dtype=np.float64)


def _read_predictions(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype={"image": str, "label": str, "predicted": str})
    except ValueError as error:  # pandas' own errors are of this kind
        raise UserError(f"{path} is not readable as CSV; train the run again.") from error
    return restored(frame)


def probability_column(class_name: str) -> str:
    """Header of a class's probabilities in predictions.csv."""
    return f"p_{class_name}"
