"""Average what prediction sets hold, and their size, over groups in place of images."""

import numpy as np

from aduni.metrics.samples import Floats, Samples
from aduni.metrics.screening.outcome import Bools


def mean_of_groups(samples: Samples, values: Floats, chosen: Bools) -> Floats:
    """Return (S, ...) means over groups of their mean value over chosen images.

    This is what a prediction set guarantees: the value of an image of a new group.

    Args:
        values: (n,) of images, such as 1 where the set holds the true class.
        chosen: (n, ...) images that count, of one choice or of several; NaN where a sample has
            none.
    """
    shape = (samples.draws.shape[1], *chosen.shape[1:])
    images, totals = np.zeros(shape), np.zeros(shape)
    np.add.at(images, samples.members, chosen.astype(np.float64))
    np.add.at(totals, samples.members, (values * chosen.T).T)
    drawn = samples.sums((images > 0).astype(np.float64))
    means = samples.sums(totals / np.maximum(images, 1))
    return np.asarray(means / np.where(drawn > 0, drawn, np.nan))
