"""Finished runs, each checked against its own predictions before anybody quotes it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError
from aduni.files import read_json, read_yaml
from aduni.results import RunFolder, evaluate_predictions, probability_column

TOLERANCE = 1e-9
"""Of a recomputed figure: predictions.csv holds all digits, sums may run in another order."""

NEEDED = (
    *("method", "dataset", "sampler", "alpha", "protocol", "fold", "seed", "epochs", "batch_size"),
    *("image_size", "split_hash", "training_counts", "validation", "test", "versions"),
    *("git_commit", "hardware", "train_seconds", "caveat", "selected_on", "selected_epoch"),
)
"""Keys of metrics.json that the report reads."""


@dataclass(frozen=True)
class Run:
    """A finished run whose stored figures agree with its predictions.

    Attributes:
        folder: where it lies.
        config: what config.yaml holds.
        metrics: what metrics.json holds.
        predictions: rows of predictions.csv, all parts.
    """

    folder: RunFolder
    config: dict[str, Any]
    metrics: dict[str, Any]
    predictions: pd.DataFrame

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.metrics["dataset"])

    @property
    def fold(self) -> int:
        """Which fold was the test part."""
        return int(self.metrics["fold"])

    @property
    def seed(self) -> int:
        """Of the training."""
        return int(self.metrics["seed"])

    @property
    def class_names(self) -> list[str]:
        """C names in the order of class numbers."""
        return list(self.metrics["training_counts"])

    @property
    def test(self) -> dict[str, Any]:
        """Figures of the test part."""
        return dict(self.metrics["test"])

    @cached_property
    def split(self) -> pd.DataFrame:
        """What split.csv holds: image, label, group, part."""
        return pd.read_csv(self.folder.split, dtype={"image": str, "label": str})

    @cached_property
    def history(self) -> pd.DataFrame:
        """What history.csv holds; empty where nothing was trained."""
        path = self.folder.history
        return pd.read_csv(path) if path.exists() else pd.DataFrame()

    def test_predictions(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        """(n) images, (n,) classes and (n, C) probabilities of the test part, sorted by image."""
        rows = self.predictions[self.predictions["part"] == "test"].sort_values("image")
        codes = pd.Categorical(rows["label"], categories=self.class_names).codes.astype(np.int64)
        columns = [probability_column(name) for name in self.class_names]
        return rows["image"].tolist(), codes, rows[columns].to_numpy(dtype=np.float64)

    @property
    def command(self) -> str:
        """As it was typed; empty where the log is gone."""
        log = self.folder.log
        if not log.exists():
            return ""
        lines = log.read_text(errors="replace").splitlines()
        return next((line.split("command: ", 1)[1] for line in lines if "command: " in line), "")


@dataclass(frozen=True)
class Problem:
    """A run that the report leaves out, and why."""

    folder: Path
    reason: str


def find_runs(root: Path) -> Iterator[RunFolder]:
    """Folders of finished runs at any depth, sorted; `evaluation` folders are no runs.

    Raises:
        UserError: no such folder, or no finished run in it.
    """
    if not root.is_dir():
        raise UserError(f"runs={root} is no folder; give one that holds run folders.")
    found = [RunFolder(file.parent) for file in sorted(root.rglob("metrics.json"))]
    return (folder for folder in found if "evaluation" not in folder.path.parts)


def read_runs(root: Path) -> tuple[list[Run], list[Problem]]:
    """All finished runs below a folder: those that hold together, and those that do not."""
    runs, problems = [], []
    for folder in find_runs(root):
        try:
            runs.append(read_run(folder))
        except UserError as error:
            problems.append(Problem(folder.path, str(error)))
    return runs, problems


def read_run(folder: RunFolder) -> Run:
    """One finished run, checked.

    Raises:
        UserError: a file is missing, cut, of another version, or does not agree with another.
    """
    metrics = read_json(folder.metrics)
    for key in NEEDED:
        if key not in metrics:
            raise UserError(
                f"{folder.metrics} lacks {key}: another version of this project wrote it; "
                "evaluate or train the run again."
            )
    for file in (folder.config, folder.predictions, folder.split):
        if not file.is_file():
            raise UserError(f"{file} is missing; train the run again.")
    config = read_yaml(folder.config)
    names = list(metrics["training_counts"])
    _compare(evaluate_predictions(folder.predictions, names), metrics, folder)
    text = {"image": str, "label": str, "predicted": str}
    run = Run(folder, config, metrics, pd.read_csv(folder.predictions, dtype=text))
    _check_rows(run)
    return run


def _compare(recomputed: Mapping[str, Any], stored: Mapping[str, Any], folder: RunFolder) -> None:
    for part in ("validation", "test"):
        difference = _first_difference(recomputed[part], stored[part], part)
        if difference:
            raise UserError(
                f"{folder.metrics} says {difference}, which {folder.predictions.name} does not "
                "give: one of the two was changed; evaluate or train the run again."
            )


def _first_difference(new: Any, old: Any, name: str) -> str:
    """Name and stored value of the first figure that disagrees, or nothing."""
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        if new.keys() != old.keys():
            return f"{name} = {', '.join(old)}"
        inner = (_first_difference(new[key], old[key], f"{name}.{key}") for key in new)
        return next((difference for difference in inner if difference), "")
    numbers = isinstance(new, float) and isinstance(old, float | int)
    same = math.isclose(new, old, abs_tol=TOLERANCE, rel_tol=0) if numbers else new == old
    return "" if same else f"{name} = {old}"


def _check_rows(run: Run) -> None:
    """predictions.csv has each image of split.csv's reported parts once."""
    columns = ["image", "part", "label"]
    rows = run.predictions[columns].sort_values(columns, ignore_index=True)
    parts = rows["part"].unique()
    split = run.split[run.split["part"].isin(parts)][columns]
    if not rows.equals(split.sort_values(columns, ignore_index=True)):
        raise UserError(
            f"{run.folder.predictions} does not hold the images of {run.folder.split.name}, each "
            "once; train the run again."
        )
