"""The run folder: what is in it, and writing each file whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from aduni.errors import UserError
from aduni.metrics import evaluate


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

    def checkpoint(self, name: str, stage: str = "") -> Path:
        """The `best` or `last` checkpoint of the final stage, or of an earlier one by its name."""
        return self.path / (stage or "checkpoints") / f"{name}.ckpt"

    def claim(self) -> None:
        """Take the folder for one run, also against another that starts at the same time.

        Raises:
            UserError: it holds a run.
        """
        try:
            self.config.open("x").close()
        except FileExistsError as error:
            raise UserError(
                f"{self.path} already holds a run; give another hydra.run.dir, or continue it "
                f"with resume={self.path}."
            ) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table with its header, written whole."""
    with written_whole(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Indented JSON, written whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UserError: not one.
    """
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not readable as JSON; remove it and run again.") from error
    return dict(content)


def write_yaml(content: dict[str, Any], path: Path) -> None:
    """YAML, written whole."""
    with written_whole(path) as temporary:
        OmegaConf.save(OmegaConf.create(content), temporary)


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
    frame = pd.read_csv(path, dtype={"image": str, "label": str, "predicted": str})
    columns = [probability_column(name) for name in class_names]
    if not set(columns) <= set(frame.columns):
        raise UserError(f"{path} holds predictions of other classes than {', '.join(class_names)}.")
    figures: dict[str, dict[str, Any] | None] = {}
    for part in ("validation", "test"):
        rows = frame[frame["part"] == part]
        labels = pd.Categorical(rows["label"], categories=class_names).codes.astype(np.int64)
        probabilities = rows[columns].to_numpy(dtype=np.float64)
        figures[part] = evaluate(labels, probabilities, class_names) if len(rows) else None
    return figures


def probability_column(class_name: str) -> str:
    """Header of a class's probabilities in predictions.csv."""
    return f"p_{class_name}"
