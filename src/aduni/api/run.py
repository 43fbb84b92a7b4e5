"""A finished run: its files as Python values."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aduni.api.model import Model, load_model
from aduni.api.paths import keep_absolute
from aduni.results.history_csv import read_history
from aduni.results.predictions_csv import read_predictions
from aduni.results.run_files import read_metrics
from aduni.results.run_folder import RunFolder


@dataclass(frozen=True)
class Run(os.PathLike[str]):
    """A finished run in a folder, from `aduni.train` or the command `train`.

    Args:
        path: folder of the run.
    """

    path: Path

    def __post_init__(self) -> None:
        keep_absolute(self)

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json, of the test and validation parts and of the training."""
        return read_metrics(RunFolder(self.path))

    @property
    def predictions(self) -> pd.DataFrame:
        """A row for each validation and test image, with class, prediction and probabilities."""
        names = list(self.metrics["test"]["support"])
        return read_predictions(RunFolder(self.path).stored_predictions, names)

    @property
    def history(self) -> pd.DataFrame:
        """A row for each epoch, with losses, validation scores and learning rate."""
        return read_history(RunFolder(self.path).history)

    @property
    def page(self) -> Path:
        """The page of the run, with curves, confusion matrix and model card."""
        return RunFolder(self.path).page

    def load_model(self, **settings: Any) -> Model:
        """Load the tested model; settings are those of `aduni.load_model`."""
        return load_model(self.path, **settings)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        metrics = self.metrics
        test = metrics["test"]
        interval = metrics.get("test_intervals", {}).get("macro_f1")
        ends = " ({:.3f} to {:.3f})".format(*interval) if interval else ""
        return (
            f"<Run {metrics['method']} on {metrics['dataset']}, fold {metrics['fold']}: macro F1 "
            f"{test['macro_f1']:.3f}{ends} on {sum(test['support'].values())} test images, "
            f"{self.path}>"
        )
