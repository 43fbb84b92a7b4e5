"""Answers to a screening question, from which all its metrics are computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aduni.metrics.samples import Counts, Floats, Samples, count_classes
from aduni.metrics.screening.levels import Levels

Bools = NDArray[np.bool_]
POSITIVE = 1
"""Column of the positive answer."""


@dataclass(frozen=True)
class Outcome:
    """Answers for n images, and S samples of them.

    Attributes:
        samples: labels 0 (negative) and 1 (positive), probabilities (n, 2) of these.
        called: (n,) whether each image is called positive.
    """

    samples: Samples
    called: Bools
    levels: Levels

    @classmethod
    def of(cls, truth: Bools, scores: Floats, called: Bools, levels: Levels) -> "Outcome":
        """Return the outcome in one sample that holds every image once."""
        labels, table = truth.astype(np.int64), np.stack([1 - scores, scores], axis=1)
        return cls(Samples.single(labels, table), called, levels)

    def first(self, samples: int) -> "Outcome":
        return replace(self, samples=self.samples.first(samples))

    @cached_property
    def counts(self) -> Counts:
        """Images by truth and call: hits (S, 2) are true negatives and true positives."""
        given, called = self.samples, self.called.astype(np.int64)
        weights = np.ones(len(called))
        return count_classes(given.labels, called, weights, given.members, given.draws, 2)


def binary(samples: Samples, positive: Sequence[int]) -> Samples:
    """Return samples of the classes negative and positive, by the numbers of the positive ones."""
    truth = np.isin(samples.labels, positive).astype(np.int64)
    scores = samples.probabilities[:, positive].sum(axis=1)
    return replace(samples, labels=truth, probabilities=np.stack([1 - scores, scores], axis=1))


@dataclass(frozen=True)
class ScreeningMetric:
    """A number that says how well a screening question is answered.

    Attributes:
        function: maps the outcome to (S,) values, NaN where it is undefined.
        at_threshold: whether it depends on the threshold from which an image is called positive.

    The other attributes are those of `aduni.metrics.metric.Metric`.
    """

    key: str
    title: str
    function: Callable[[Outcome], Floats]
    best: Literal["highest", "lowest"] | None = "highest"
    position: int = 100
    max_resamples: int | None = None
    at_threshold: bool = True
