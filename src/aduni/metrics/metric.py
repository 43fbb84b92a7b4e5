"""The description of a metric, from which every output takes its name and its value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aduni.metrics.samples import Floats, Samples

Task = Literal["multiclass", "ordinal"]
"""Whether the classes have an order. Several labels an image (multilabel) are not supported."""


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    Attributes:
        key: name in metrics.json and on the command line.
        title: name in tables and on the screen.
        function: maps S samples of predictions to (S,) values, NaN where it is undefined; None for
            a number that is not computed from predictions.
        best: whether high or low values are better; None if neither is.
        position: place among the metrics, from left to right.
        ordinal: whether it needs classes in an order.
        max_resamples: bootstrap samples of its interval, for a slow function; None for all.
        in_summary: whether the end of a training prints it; pages and cards show all metrics.
        meaning: what it is, in a few words, for who does not know it.
    """

    key: str
    title: str
    function: Callable[[Samples], Floats] | None
    best: Literal["highest", "lowest"] | None = "highest"
    position: int = 100
    ordinal: bool = False
    max_resamples: int | None = None
    in_summary: bool = True
    meaning: str = ""

    def value(self, samples: Samples) -> float | None:
        """Return the metric of the first sample; None where it is undefined."""
        assert self.function is not None
        value = float(self.function(samples)[0])
        return None if value != value else value  # NaN


@dataclass(frozen=True)
class ClassMetric:
    """A number that says how good predictions are for one class.

    Attributes:
        function: maps S samples of predictions to (S, C) values, NaN where it is undefined.

    The other attributes are those of `Metric`.
    """

    key: str
    title: str
    function: Callable[[Samples], Floats]
    best: Literal["highest", "lowest"] | None = "highest"
    position: int = 100
    max_resamples: int | None = None
