"""Read finished runs, each checked against its own files before it is reported."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError
from aduni.metrics.names import ORDINAL
from aduni.results.history_csv import read_history
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions
from aduni.results.run_files import read_config, read_metrics
from aduni.results.run_folder import RunFolder, check_runs
from aduni.results.validation import (
    check_config,
    check_metrics_by_predictions,
    check_packed,
    check_predictions,
    check_split,
    read_split,
)
from aduni.shortage import raise_shortage
from aduni.system.npz import read_array

Features = dict[str, NDArray[Any]]
"""`labels`, (n,) class numbers, and `features`, (n, D)."""

FLOOR = "aduni.methods.Floor"

MAX_FEATURE_BYTES = 32_768
"""Bytes of an image's features: 8,192 numbers in fp32; a ResNet-50 has 2,048."""
MAX_FEATURE = 1e15
"""Sums of squares of larger features are not finite."""


@dataclass(frozen=True)
class Run:
    """A finished run whose files agree with each other.

    Attributes:
        predictions: rows of predictions.csv, plain or compressed, of all parts.
        history: content of history.csv; empty if nothing was trained.
    """

    folder: RunFolder
    config: dict[str, Any]
    metrics: dict[str, Any]
    predictions: pd.DataFrame
    split: pd.DataFrame
    history: pd.DataFrame

    @property
    def dataset(self) -> str:
        return str(self.metrics["dataset"])

    @property
    def fold(self) -> int:
        return int(self.metrics["fold"])

    @property
    def seed(self) -> int:
        return int(self.metrics["seed"])

    @property
    def class_names(self) -> list[str]:
        return list(self.metrics["training_counts"])

    @property
    def test(self) -> dict[str, Any]:
        return dict(self.metrics["test"])

    @property
    def ordinal(self) -> bool:
        return is_ordinal(self.metrics)

    @property
    def trained_on(self) -> str | None:
        """Return the model's own data set, where the test part is of another source; else None."""
        return self.metrics.get("trained_on")

    @property
    def is_floor(self) -> bool:
        """Tell whether the method has no network (see `aduni.methods.floor`)."""
        return bool(self.config["method"].get("_target_") == FLOOR)

    @property
    def features(self) -> Features | None:
        """Features of the training images; None if they were not kept, or are damaged."""
        counts = list(self.metrics["training_counts"].values())
        return _read_features(self.folder.features, counts)

    @cached_property
    def image_groups(self) -> pd.Series:
        """Groups of all images of the split, by image name."""
        return self.split.set_index("image")["group"]

    def test_predictions(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        """Return images, (n,) classes and (n, C) probabilities of the test part, by image name."""
        return self.part_predictions("test")

    def part_predictions(
        self, part: str
    ) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        """Return images, (n,) classes and (n, C) probabilities of a part, by image name."""
        rows = self.predictions[self.predictions["part"] == part].sort_values("image")
        return rows["image"].tolist(), *labels_and_probabilities(rows, self.class_names)

    @property
    def link(self) -> Path:
        """Return what the page links for the run."""
        return self.folder.path

    @property
    def age(self) -> int:
        """Return when the run was finished: of several of one kind the newest counts."""
        return self.folder.metrics.stat().st_mtime_ns

    @property
    def command(self) -> str:
        """The command line as it was typed; empty if the log is missing."""
        log = self.folder.log
        if not log.is_file():
            return ""
        lines = log.read_text(errors="replace").splitlines()
        return next((line.split("command: ", 1)[1] for line in lines if "command: " in line), "")


@dataclass(frozen=True)
class Problem:
    """A run that the report leaves out, and the reason."""

    folder: Path
    reason: str


def find_runs(root: Path) -> Iterator[RunFolder]:
    """Find the folders of finished runs at any depth, sorted; evaluations of a run are no runs."""
    check_runs(root)
    found = [RunFolder(file.parent) for file in sorted(root.rglob("metrics.json"))]
    return (folder for folder in found if not _is_evaluation(folder.path))


def _is_evaluation(folder: Path) -> bool:
    """Tell whether a folder lies in the one that evaluate.py makes in the folder of a run."""
    return any(
        part.name == "evaluation" and RunFolder(part.parent).config.is_file()
        for part in (folder, *folder.parents)
    )


def read_runs(*roots: Path) -> tuple[list[Run], list[Problem]]:
    """Read all finished runs below folders: the sound ones, and the others with a reason."""
    runs, problems = [], []
    found = [folder for root in roots for folder in find_runs(root)]
    for folder in {each.path.resolve(): each for each in found}.values():  # one may lie in another
        try:
            runs.append(read_run(folder))
        except UserError as error:
            problems.append(Problem(folder.path, str(error)))
    return runs, problems


def read_run(folder: RunFolder) -> Run:
    """Read one finished run and check it."""
    metrics = read_metrics(folder)
    split_file = folder.stored_split(metrics["split_hash"])
    for file in (folder.config, folder.stored_predictions, split_file):
        if not file.is_file():
            raise UserError(f"{file} is missing; train the run again.")
    config = read_config(folder)
    check_config(metrics, config, folder)
    names = list(metrics["training_counts"])
    split = read_split(split_file)
    check_split(split, metrics, folder)
    if folder.stored_predictions == folder.packed_predictions:
        check_packed(folder.packed_predictions, split_file, len(split), names)
    predictions = _read_predictions(folder, split, names)
    metrics |= check_metrics_by_predictions(metrics, folder)
    if not is_ordinal(metrics):
        # Earlier versions stored a kappa over classes without an order.
        parts = [part for part in ("validation", "test") if metrics[part] is not None]
        metrics |= {part: metrics[part] | dict.fromkeys(ORDINAL) for part in parts}
    return Run(folder, config, metrics, predictions, split, read_history(folder.history))


def _read_predictions(folder: RunFolder, split: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    file = folder.stored_predictions
    predictions = read_predictions(file, names)
    wrong = check_predictions(predictions, split, names)
    if wrong:
        raise UserError(f"{file} {wrong}; evaluate or train the run again.")
    return predictions


def _read_features(file: Path, counts: list[int]) -> Features | None:
    """Read features.npz; None unless it has as many images of each class as the training part."""
    images = sum(counts)
    try:
        labels = read_array(file, "labels", images * 8)
        features = read_array(file, "features", images * MAX_FEATURE_BYTES)
        # Signed or unsigned: labels are below the number of classes.
        whole = labels.dtype.kind in "iu" and features.dtype.kind == "f" and features.ndim == 2
        fits = whole and np.bincount(labels, minlength=len(counts)).tolist() == counts
        usable = fits and features.size and float(np.abs(features).max()) < MAX_FEATURE
    except Exception as error:  # zipfile, zlib and numpy raise many kinds of errors
        raise_shortage(error)
        return None
    complete = usable and len(features) == images
    return {"labels": labels.astype(np.int64), "features": features} if complete else None
