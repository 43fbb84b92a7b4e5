"""The content of a run's folder that the model card is computed from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aduni.metrics.classification import calibration_error
from aduni.metrics.intervals import Intervals, intervals
from aduni.metrics.samples import Floats, Ints, Samples
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import probability_column, read_predictions
from aduni.results.run_folder import RunFolder
from aduni.results.validation import read_split
from aduni.system.atomic_files import read_yaml


@dataclass(frozen=True)
class Content:
    """The files of a run, and what is computed from them.

    Attributes:
        metrics: future content of metrics.json.
        settings: content of config.yaml.
        split: content of split.csv.
        predictions: rows of the test part in predictions.csv.
    """

    metrics: dict[str, Any]
    settings: dict[str, Any]
    split: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def class_names(self) -> list[str]:
        """C names in the order of the class numbers."""
        return list(self.metrics["test"]["support"])

    @cached_property
    def labels(self) -> Ints:
        """(n,) true classes of the test part."""
        named = pd.Categorical(self.predictions["label"], categories=self.class_names)
        return named.codes.astype(np.int64)

    @cached_property
    def probabilities(self) -> Floats:
        """(n, C) probabilities of the test part."""
        columns = [probability_column(name) for name in self.class_names]
        return self.predictions[columns].to_numpy(dtype=np.float64)

    @cached_property
    def groups(self) -> Ints:
        """(n,) group of each test image."""
        of_image = self.split.set_index("image")["group"]
        return of_image.loc[self.predictions["image"]].to_numpy(dtype=np.int64)

    @property
    def has_groups(self) -> bool:
        """Whether any two test images belong to one group."""
        return len(np.unique(self.groups)) < len(self.groups)

    @cached_property
    def intervals(self) -> Intervals:
        """Intervals of the test part's metrics."""
        ordinal = is_ordinal(self.metrics)
        return intervals(self.labels, self.probabilities, self.groups, ordinal=ordinal)

    @cached_property
    def calibrated_error(self) -> float | None:
        """Expected calibration error of the test part after temperature scaling, if any."""
        temperature = self.metrics["temperature"]
        if temperature is None:
            return None
        logits = np.log(np.maximum(self.probabilities, np.finfo(np.float64).tiny)) / temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        calibrated = powers / powers.sum(axis=1, keepdims=True)
        return calibration_error.METRIC.value(Samples.single(self.labels, calibrated))

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
