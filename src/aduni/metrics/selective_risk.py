"""Share of errors among the images that are kept when the least certain ones are left to people."""

from collections.abc import Iterator

import numpy as np

from aduni.metrics.ranking import ranked
from aduni.metrics.samples import Floats, Samples


def selective_risk(samples: Samples, coverage: Floats) -> Floats:
    """Return (S, K) shares of errors among the most certain images; NaN in an empty sample.

    An image is as certain as its most probable class. Of images that are equally certain each one
    is as likely to be kept: the share of errors is the mean over all their orders.

    Args:
        coverage: (K,) shares of images that are kept, in (0, 1].
    """
    parts = []
    for errors, images in ranked_errors(samples):
        for wrong, total in zip(errors, images, strict=True):
            if not total[-1]:
                parts.append(np.full(len(coverage), np.nan))
                continue
            kept = coverage * total[-1]
            parts.append(np.interp(kept, np.r_[0, total], np.r_[0, wrong]) / kept)
    return np.array(parts)


def area_under_selective_risk(samples: Samples) -> Floats:
    """Return (S,) means of the share of errors among the k most certain images, k = 1 .. n.

    Known as the area under the risk-coverage curve. Source: Geifman, Uziel and El-Yaniv 2019
    (arXiv 1805.08206), section 3. Equally certain images count as in `selective_risk`. NaN in an
    empty sample.
    """
    parts = []
    for errors, images in ranked_errors(samples):
        most = int(images[:, -1].max(initial=0))
        harmonic = np.r_[0, np.cumsum(1 / np.arange(1, most + 1))]
        before = np.zeros_like(images)
        before[:, 1:] = images[:, :-1]
        wrong = np.diff(errors, axis=1, prepend=0)
        size = images - before
        rate = wrong / np.where(size > 0, size, 1)
        # Of k images in a tie (wrong before + rate * (k - images before)) / k are wrong.
        start = (errors - wrong) - rate * before
        steps = harmonic[images.astype(np.int64)] - harmonic[before.astype(np.int64)]
        total = images[:, -1]
        sums = (rate * size + start * steps).sum(axis=1)
        parts.append(sums / np.where(total > 0, total, np.nan))
    return np.concatenate(parts)


def ranked_errors(samples: Samples) -> Iterator[tuple[Floats, Floats]]:
    """Yield the errors, and all images, that are at least as certain as each of T values.

    Two arrays (s, T) for some samples at a time, from the most certain value on.
    """
    is_wrong = samples.predicted != samples.labels
    for errors, right in ranked(samples, samples.probabilities.max(axis=1), is_wrong):
        wrong = np.cumsum(errors[:, ::-1], axis=1)
        yield wrong, wrong + np.cumsum(right[:, ::-1], axis=1)
