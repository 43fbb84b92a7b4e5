"""Decide on the validation part: the simplest and cheapest model that is as good as the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from aduni.errors import UserError
from aduni.metrics.fold_intervals import MIN_FOLDS, interval_over_folds
from aduni.metrics.interval import ENDS
from aduni.metrics.metric import Metric
from aduni.metrics.samples import Floats, Ints, Samples
from aduni.results.finished_runs import Run
from aduni.results.predictions_csv import labels_and_probabilities


@dataclass(frozen=True)
class Candidate:
    """A model of the portfolio, with its finished runs: one for each fold or seed.

    Attributes:
        metric: decides; its high values are good ones.
    """

    label: str
    runs: Sequence[Run]
    metric: Metric

    @property
    def image_size(self) -> int:
        """Side of the images in pixels, which decides what a prediction costs."""
        return max(int(run.metrics["image_size"]) for run in self.runs)

    @cached_property
    def scores(self) -> Floats:
        """(R,) metric of the validation part of each run."""
        found = [self._values(Samples.single(*outcomes[:2]))[0] for outcomes in self._outcomes]
        if np.isnan(found).any():
            raise UserError(
                f"target={self.metric.key} is undefined on the validation part; choose another "
                "target, or add images of the classes that are absent there."
            )
        return np.array(found)

    @cached_property
    def resampled(self) -> Floats:
        """(S,) means over the runs of their metric on resamples of whole groups."""
        draws = []
        for outcomes in self._outcomes:
            samples = Samples.resampled(*outcomes)
            most = self.metric.max_resamples
            draws.append(self._values(samples.first(most) if most else samples))
        mean: Floats = np.mean(draws, axis=0)
        return mean

    @property
    def score(self) -> float:
        """Mean of the metric over the runs."""
        return float(self.scores.mean())

    @cached_property
    def _outcomes(self) -> list[tuple[Ints, Floats, Ints]]:
        return [outcomes_of([run], "validation") for run in self.runs]

    def _values(self, samples: Samples) -> Floats:
        assert self.metric.function is not None
        return self.metric.function(samples)


@dataclass(frozen=True)
class Comparison:
    """How much better one candidate is than another on validation parts.

    Attributes:
        difference: mean over the runs.
        standard_error: over runs of at least three folds, else over resampled groups of images.
        interval: 95 % interval of the difference, made of the same.
    """

    difference: float
    standard_error: float
    interval: tuple[float, float]


def compare(one: Candidate, other: Candidate) -> Comparison:
    """Compare two candidates, run by run or on the same resamples."""
    differences = one.scores - other.scores
    folds = {run.fold for run in one.runs}
    if len(folds) >= MIN_FOLDS:
        interval = interval_over_folds(differences.tolist())
        assert interval is not None
        error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
        return Comparison(float(differences.mean()), error, interval)
    drawn = one.resampled - other.resampled
    low, high = np.nanquantile(drawn, ENDS).tolist()
    return Comparison(float(differences.mean()), float(np.nanstd(drawn)), (low, high))


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the best mean on validation parts; of equals the first."""
    return max(candidates, key=lambda candidate: candidate.score)


def is_as_good(candidate: Candidate, best: Candidate) -> bool:
    """Tell whether a candidate is at most one standard error of the difference behind the best."""
    found = compare(candidate, best)
    return -found.difference <= found.standard_error


def decide(candidates: Sequence[Candidate]) -> Candidate:
    """Return the first candidate, in an order from simple to complex, that can replace the best.

    It is as good, and takes images that are no larger: a model that is simpler to train but dearer
    to use is no simpler choice. Only validation parts are looked at (one-standard-error rule of
    Breiman et al. 1984, on the standard error of the paired difference).
    """
    best = best_of(candidates)
    return next(
        each for each in candidates if each.image_size <= best.image_size and is_as_good(each, best)
    )


def outcomes_of(runs: Sequence[Run], part: str) -> tuple[Ints, Floats, Ints]:
    """Return labels (n,), probabilities (n, C) and groups (n,) of a part of runs.

    Images of several runs are averaged over them: those of several seeds. Of folds each image is in
    one test part.
    """
    names = runs[0].class_names
    tables = []
    for run in runs:
        rows = run.predictions[run.predictions["part"] == part]
        labels, probabilities = labels_and_probabilities(rows, names)
        groups = run.image_groups.loc[rows["image"]].to_numpy()
        table = pd.DataFrame(probabilities)
        tables.append(table.assign(label=labels, group=groups, image=rows["image"].to_numpy()))
    averaged = pd.concat(tables).groupby("image", sort=True).mean()
    labels = averaged.pop("label").to_numpy().astype(np.int64)
    groups = averaged.pop("group").to_numpy().astype(np.int64)
    return labels, averaged.to_numpy(), groups
