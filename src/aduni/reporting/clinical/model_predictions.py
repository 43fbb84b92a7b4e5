"""Out-of-fold predictions of one row, and estimates from them with their resamples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from aduni.metrics.estimate import Estimate, with_all
from aduni.metrics.samples import Floats, Ints, Samples
from aduni.reporting.tables.table import Unit
from aduni.results.finished_runs import Run

Part = TypeVar("Part")


@dataclass(frozen=True)
class SeedPredictions:
    """Predictions of a part by the runs of one seed, one fold after another.

    Attributes:
        samples: all images once, then in bootstrap resamples of whole groups.
        rows: image, label, group and whatever else split.csv says, a line for each image.
    """

    runs: tuple[Run, ...]
    samples: Samples
    rows: pd.DataFrame


@dataclass(frozen=True)
class ModelPredictions:
    """Predictions of a row on one data set: of each seed, over its folds.

    Attributes:
        dataset: name of the data set.
        part: part of the data that is predicted.
    """

    label: str
    dataset: str
    units: Mapping[Unit, Run]
    part: str = "test"

    @property
    def runs(self) -> list[Run]:
        return list(self.units.values())

    @property
    def class_names(self) -> list[str]:
        return self.runs[0].class_names

    @property
    def ordinal(self) -> bool:
        return self.runs[0].ordinal

    def has_part(self, part: str) -> bool:
        """Tell whether each run has predictions of a part."""
        return all((run.predictions["part"] == part).any() for run in self.runs)

    @cached_property
    def test_counts(self) -> list[int]:
        """(C,) images of each class in the part of all runs, each counted once."""
        tested = pd.concat([self._rows(run) for run in self.runs]).drop_duplicates(
            ["image", "label"]
        )
        counts = tested["label"].value_counts()
        return [int(counts.get(name, 0)) for name in self.class_names]

    @property
    def training_counts(self) -> list[int]:
        return list(self.runs[0].metrics["training_counts"].values())

    @cached_property
    def seeds(self) -> list[SeedPredictions]:
        """Predictions of each seed; a group has the same draws in all of them."""
        of_seed: dict[int, list[Run]] = {}
        for (_, seed), run in sorted(self.units.items()):
            of_seed.setdefault(seed, []).append(run)
        tables = {seed: pd.concat(map(self._rows, runs)) for seed, runs in of_seed.items()}
        groups = np.unique(np.concatenate([rows["group"] for rows in tables.values()]))
        return [_of_seed(runs, self.part, tables[seed], groups) for seed, runs in of_seed.items()]

    def _rows(self, run: Run) -> pd.DataFrame:
        """Return the images of the part as split.csv describes them, sorted by their names."""
        return run.split[run.split["part"] == self.part].sort_values("image", ignore_index=True)

    def estimate(self, function: Callable[[Samples], Floats], most: int | None = None) -> Estimate:
        """Return a metric: the mean over the seeds, in all samples.

        Args:
            function: maps S samples to (S, ...) values.
            most: resamples, for a slow function; None for all.
        """
        parts = [seed.samples for seed in self.seeds]
        return estimate([p.first(1 + most) if most else p for p in parts], function)


def estimate(parts: Sequence[Part], function: Callable[[Part], Floats]) -> Estimate:
    """Return the mean over parts, one for each seed, of (S, ...) values."""
    return Estimate(np.mean([function(part) for part in parts], axis=0))


def _of_seed(runs: Sequence[Run], part: str, rows: pd.DataFrame, groups: Ints) -> SeedPredictions:
    predicted = [run.part_predictions(part) for run in runs]
    labels = np.concatenate([found[1] for found in predicted])
    probabilities = np.concatenate([found[2] for found in predicted])
    members = np.searchsorted(groups, rows["group"].to_numpy()).astype(np.int64)
    samples = Samples(labels, probabilities, members, with_all(len(groups)))
    return SeedPredictions(tuple(runs), samples, rows.reset_index(drop=True))
