"""The run folder: what is in it, who trains it, and its figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from aduni.errors import UserError
from aduni.metrics import evaluate

PATIENCE = 5
"""Seconds to wait for a lock: whoever asks whether a run is running holds it for a moment."""


@dataclass(frozen=True)
class RunFolder:
    """Names inside a run's folder."""

    path: Path

    @property
    def config(self) -> Path:
        """Resolved configuration."""
        return self.path / "config.yaml"

    @property
    def split(self) -> Path:
        """Part of every image."""
        return self.path / "split.csv"

    @property
    def history(self) -> Path:
        """A row an epoch."""
        return self.path / "history.csv"

    @property
    def predictions(self) -> Path:
        """Class probabilities of validation and test images."""
        return self.path / "predictions.csv"

    @property
    def metrics(self) -> Path:
        """Figures of a finished run; its presence means that the run is finished."""
        return self.path / "metrics.json"

    @property
    def failure(self) -> Path:
        """Why the last try of a planned run failed; absent once a try succeeds."""
        return self.path / "failure.json"

    @property
    def lock(self) -> Path:
        """Locked by the process that trains the run."""
        return self.path / ".lock"

    @property
    def log(self) -> Path:
        """The command, warnings, the summary."""
        return self.path / "train.log"

    @property
    def job_lock(self) -> Path:
        """Locked by the job of a planned run, from before its training starts."""
        return self.path / ".job.lock"

    @property
    def console(self) -> Path:
        """What the last try of a planned run printed."""
        return self.path / "console.txt"

    @property
    def features(self) -> Path:
        """Pooled features of the training images, where `save_features` asks for them."""
        return self.path / "features.npz"

    def checkpoint(self, name: str, stage: str = "") -> Path:
        """The `best` or `last` checkpoint of the final stage, or of an earlier one by its name."""
        return self.path / (stage or "checkpoints") / f"{name}.ckpt"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run; the lock goes with its process.

        Raises:
            UserError: another process holds it.
        """
        try:
            with FileLock(self.lock, timeout=PATIENCE):
                yield
        except Timeout as error:
            raise UserError(
                f"{self.path} is being trained by another process; wait for its end, or stop it."
            ) from error

    def check_fresh(self) -> None:
        """Raise UserError where the folder holds a run."""
        if self.config.exists():
            raise UserError(
                f"{self.path} already holds a run; give another hydra.run.dir, or continue it "
                f"with resume={self.path}."
            )


def run_dir(resume: str | None, fresh: str) -> str:
    """Folder for a new run, or of the run to continue.

    Raises:
        UserError: there is no run to continue.
    """
    if resume and not RunFolder(Path(resume)).config.is_file():
        raise UserError(f"resume={resume} holds no run: config.yaml is missing there.")
    return resume or fresh


def training_speed(history: Path) -> dict[str, float | None]:
    """train_seconds, validation passes included, and training images_per_second (not views).

    Without a history nothing was trained: 0 and None.
    """
    if not history.exists():
        return {"train_seconds": 0.0, "images_per_second": None}
    frame = pd.read_csv(history)
    seconds = float(frame["seconds"].sum())
    return {
        "train_seconds": round(seconds, 3),
        "images_per_second": round(float(frame["images"].sum()) / seconds, 2),
    }


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
        labels = pd.Categorical(rows["label"], categories=class_names).codes.astype(np.int64)
        probabilities = rows[columns].to_numpy(dtype=np.float64)
        figures[part] = evaluate(labels, probabilities, class_names) if len(rows) else None
    return figures


def _read_predictions(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype={"image": str, "label": str, "predicted": str})
    except ValueError as error:  # pandas' own errors are of this kind
        raise UserError(f"{path} is not readable as CSV; train the run again.") from error


def probability_column(class_name: str) -> str:
    """Header of a class's probabilities in predictions.csv."""
    return f"p_{class_name}"
