"""Write and read history.csv, a row for each epoch, and compute the training speed from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aduni.errors import UserError
from aduni.system.atomic_files import readable, write_csv
from aduni.system.csv_escape import read_saved


def training_speed(history: Path) -> dict[str, float | None]:
    """Return train_seconds, with validation, and images_per_second of the training, not views."""
    frame = read_history(history)
    if frame.empty:
        return {"train_seconds": 0.0, "images_per_second": None}
    seconds = float(frame["seconds"].sum())
    return {
        "train_seconds": round(seconds, 3),
        "images_per_second": round(float(frame["images"].sum()) / seconds, 2),
    }


def read_history(path: Path) -> pd.DataFrame:
    """Read history.csv, a row for each epoch; empty where nothing was trained."""
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


def history_seconds(path: Path, stage: str, reached: int | None) -> list[float]:
    """Return the seconds of each epoch up to `reached`, the last one of a stage; None: before it.

    A killed run may have written rows of epochs whose checkpoint is missing.
    """
    frame = read_history(path)
    if frame.empty:
        return []
    last = -1 if reached is None else reached
    counted = (frame["stage"] != stage) | (frame["epoch"] <= last)
    return [float(seconds) for seconds in frame.loc[counted, "seconds"]]


def add_epoch(path: Path, row: dict[str, Any]) -> None:
    """Add a row to history.csv, in place of those of its stage from its epoch on."""
    earlier = read_history(path)
    if len(earlier):
        replaced = (earlier["stage"] == row["stage"]) & (earlier["epoch"] >= row["epoch"])
        earlier = earlier[~replaced]
    write_csv(pd.concat([earlier, pd.DataFrame([row])], ignore_index=True), path)
