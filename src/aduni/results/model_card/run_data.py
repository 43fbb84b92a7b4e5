"""The content of a run's folder that the model card is computed from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aduni.data.splits.predefined import COLUMNS, PARTS
from aduni.metrics.bootstrap_intervals import Intervals, intervals
from aduni.metrics.calibration import at_temperature
from aduni.metrics.classification import calibration_error
from aduni.metrics.samples import Floats, Ints, Samples
from aduni.results.decision.decision_json import Decision, read_decision
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions
from aduni.results.run_files import read_metrics
from aduni.results.run_folder import RunFolder
from aduni.results.validation import check_metrics_by_predictions, read_split
from aduni.system.atomic_files import read_yaml


@dataclass(frozen=True)
class Content:
    """The files of a run, and what is computed from them.

    Attributes:
        predictions: of the test part.
        decision: how to decide by the probabilities, if thresholds were asked for.
    """

    metrics: dict[str, Any]
    settings: dict[str, Any]
    split: pd.DataFrame
    predictions: pd.DataFrame
    decision: Decision | None = None

    @property
    def class_names(self) -> list[str]:
        return list(self.metrics["test"]["support"])

    @cached_property
    def outcomes(self) -> tuple[Ints, Floats]:
        """(n,) true classes and (n, C) probabilities of the test part."""
        return labels_and_probabilities(self.predictions, self.class_names)

    @cached_property
    def groups(self) -> Ints:
        of_image = self.split.set_index("image")["group"]
        return of_image.loc[self.predictions["image"]].to_numpy(dtype=np.int64)

    @property
    def has_groups(self) -> bool:
        """Tell whether some test images belong together."""
        return len(np.unique(self.groups)) < len(self.groups)

    @property
    def metadata(self) -> list[str]:
        """Return what is known of each image beside its class: further columns of split.csv."""
        return [name for name in self.split.columns if name not in COLUMNS]

    @cached_property
    def intervals(self) -> Intervals:
        return intervals(*self.outcomes, self.groups, ordinal=is_ordinal(self.metrics))

    @cached_property
    def calibrated_error(self) -> float | None:
        """Expected calibration error of the test part after temperature scaling, if any."""
        temperature = self.metrics["temperature"]
        if temperature is None:
            return None
        labels, probabilities = self.outcomes
        calibrated = Samples.single(labels, at_temperature(probabilities, temperature))
        return calibration_error.METRIC.value(calibrated)

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Number of images by class (rows) and part (columns)."""
        table = pd.crosstab(self.split["label"], self.split["part"])
        parts = [part for part in PARTS if part in table.columns]
        return table.reindex(index=self.class_names, columns=parts, fill_value=0)


def read_content(metrics: dict[str, Any], folder: RunFolder) -> Content:
    """Read a folder that lacks only metrics.json."""
    predictions = read_predictions(folder.predictions, list(metrics["training_counts"]))
    test = predictions[predictions["part"] == "test"].reset_index(drop=True)
    config, split = read_yaml(folder.config), read_split(folder.split)
    return Content(metrics, config, split, test, _decision(metrics, folder))


def read_finished(folder: RunFolder) -> Content:
    """Read the folder of a finished run, whose metrics are those that its predictions give."""
    metrics = read_metrics(folder)
    return read_content({**metrics, **check_metrics_by_predictions(metrics, folder)}, folder)


def _decision(metrics: dict[str, Any], folder: RunFolder) -> Decision | None:
    """Return the stored decision; None for that of weights other than those that were tested."""
    if not folder.decision.is_file():
        return None
    found = read_decision(folder.decision)
    tested = (metrics["split_hash"], metrics["selected_epoch"], [*metrics["training_counts"]])
    return found if (found.split_hash, found.epoch, [*found.class_names]) == tested else None
