"""Numbers of all images, with their bootstrap resamples."""

from dataclasses import dataclass

import numpy as np

from aduni.metrics.interval import ENDS, Interval
from aduni.metrics.samples import Draws, Floats, group_draws


@dataclass(frozen=True)
class Estimate:
    """Numbers with their bootstrap resamples.

    Attributes:
        draws: (1 + R, ...) the numbers of all images, then those of R resamples of whole groups.
    """

    draws: Floats

    @property
    def value(self) -> Floats:
        return np.asarray(self.draws[0])

    def interval(self, *place: int) -> Interval | None:
        """Return the ends of the 95 % interval of one number; None where all resamples lack it."""
        drawn = self.draws[1:].transpose(*range(1, self.draws.ndim), 0)[place]
        drawn = drawn[~np.isnan(drawn)]
        return None if not len(drawn) else tuple(np.quantile(drawn, ENDS).tolist())

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Return the difference, resample by resample: both must be of the same groups."""
        count = min(len(self.draws), len(other.draws))
        return Estimate(self.draws[:count] - other.draws[:count])

    @property
    def shuffled(self) -> "Estimate":
        """The same with its resamples in another order: independent of one of other groups."""
        return Estimate(np.concatenate([self.draws[:1], self.draws[:0:-1]]))


def with_all(groups: int) -> Draws:
    """Return the draws of bootstrap samples after one that holds each of the groups once."""
    return np.concatenate([np.ones((1, groups), dtype=np.uint8), group_draws(groups)])
