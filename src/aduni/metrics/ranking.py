"""Images ranked by a score, in every sample: of a class against the rest, of errors, ..."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aduni.metrics.samples import CHUNK, Floats, Samples


def ranked_counts(samples: Samples, number: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield the images of a class and all others at each of its T scores, from low to high.

    Two arrays (s, T) for `CHUNK` samples at a time.
    """
    return ranked(samples, samples.probabilities[:, number], samples.labels == number)


def ranked(
    samples: Samples, scores: Floats, chosen: NDArray[np.bool_]
) -> Iterator[tuple[Floats, Floats]]:
    """Yield the chosen images and all others at each of T scores, from low to high.

    Two arrays (s, T) for `CHUNK` samples at a time. Images of one score stand together, so that no
    order among them has a say.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # of equal scores
    truth, members = chosen[order], samples.members[order]
    for start in range(0, len(samples.draws), CHUNK):
        weights = samples.draws[start : start + CHUNK, members].astype(np.float64)
        of_chosen, others = weights * truth, weights * ~truth
        if len(starts) < len(order):  # takes as long as all the rest
            of_chosen, others = (np.add.reduceat(w, starts, axis=1) for w in (of_chosen, others))
        yield of_chosen, others
