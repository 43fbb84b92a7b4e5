"""The content of a run's folder that the model card is computed from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aduni.metrics.bootstrap_intervals import Intervals, intervals
from aduni.metrics.calibration import at_temperature
from aduni.metrics.classification import calibration_error
from aduni.metrics.samples import Floats, Ints, Samples
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import labels_and_probabilities, read_predictions
from aduni.results.run_folder import RunFolder
from aduni.results.validation import read_split
from aduni.system.atomic_files import read_yaml


@dataclass(frozen=True)
class Content:
    """The files of a run, and what is computed from them."""

    metrics: dict[str, Any]
    settings: dict[str, Any]
    split: pd.DataFrame
    predictions: pd.DataFrame

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
        parts = [p for p in ("train", "validation", "test", "unused") if p in table.columns]
        return table.reindex(index=self.class_names, columns=parts, fill_value=0)


def read_content(metrics: dict[str, Any], folder: RunFolder) -> Content:
    """Read a folder that lacks only metrics.json."""
    predictions = read_predictions(folder.predictions, list(metrics["training_counts"]))
    test = predictions[predictions["part"] == "test"].reset_index(drop=True)
    return Content(metrics, read_yaml(folder.config), read_split(folder.split), test)
