"""Find photographs that were saved anew: re-encoded, resized, mirrored or turned by quarters."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aduni.data.loading.samplers import Ints

SIDE = 24
"""Side in pixels to which originals are reduced for the comparison, whatever a model's size is."""
MIN_CORRELATION, MAX_DIFFERENCE = 0.97, 2.0
"""Near copies correlate by more, and differ by less than so many of 255 levels in the mean.

Both are of the interior, the correlation of grey levels without low frequencies. Elsewhere every
fundus is the same bright disc.
"""
BLUR = 1.5
"""Standard deviation in pixels of the blurred image that is subtracted."""
MIN_CONTRAST = 0.1
"""Standard deviation in levels below which an interior is flat, so that nothing can be compared."""
COEFFICIENTS = 12
ROWS, COLUMNS, PAIRS = 1024, 4096, 4096
"""Images and pairs that are compared at once."""

_Y, _X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
INTERIOR = np.hypot(_Y, _X) < 0.75 * SIDE / 2
"""Disc (SIDE, SIDE) inside of the border of a fundus and of dark corners."""
SIGNS = (-1.0) ** np.arange(COEFFICIENTS, dtype=np.float32)

Small = NDArray[np.uint8]
Floats = NDArray[np.float64]


def group_near_copies(small: Small, digests: Sequence[str]) -> tuple[Ints, Floats]:
    """Group n images that are near copies of each other, directly or through others.

    Args:
        small: (n, SIDE, SIDE, 3) reduced originals; may be a memory map.
        digests: digests of the originals' pixels; identical originals are compared once.

    Returns:
        The first row of each image's group (n,), and the mean difference in levels to its nearest
        near copy (n,), NaN without one.
    """
    same, names = pd.factorize(np.asarray(digests, dtype=object))
    distinct = np.flatnonzero(~pd.Series(same).duplicated().to_numpy())
    nearest, links = np.full(len(names), np.nan), [np.empty((2, 0), dtype=np.int64)]
    for first, second, differences in _near_pairs(small, distinct):
        for ends in (first, second):
            np.fmin.at(nearest, ends, differences)
        links.append(_tree(first, second))
    first, second = np.concatenate(links, axis=1)
    groups = _components(first, second, len(names))[same]
    first_rows = pd.Series(np.arange(len(same))).groupby(groups).transform("min")
    return first_rows.to_numpy(), nearest[same]


def _near_pairs(small: Small, rows: Ints) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield the near copies among `rows`, as positions in them, with their differences.

    No pair is missed. The means of the interiors differ by no more than the images do, so that in
    the order of their means only neighbours are compared; and the distance of a few DCT
    coefficients is no larger than that of the images, whose square is 2 - 2 correlation.
    """
    signatures, levels = _signatures(small, rows)
    order = np.argsort(levels, kind="stable")[: np.isfinite(levels).sum()]
    signatures, levels = signatures[order], levels[order]
    ends = np.searchsorted(levels, levels + MAX_DIFFERENCE)
    for start in range(0, len(order), ROWS):
        last = int(ends[min(start + ROWS, len(order)) - 1])
        found = []
        for column in range(start, last, COLUMNS):
            block, others = signatures[start : start + ROWS], signatures[column:last][:COLUMNS]
            first, second = _candidates(block, others)
            once = first + start < second + column
            ends_of = order[first[once] + start], order[second[once] + column]
            for begin in range(0, len(ends_of[0]), PAIRS):
                pairs = [end[begin : begin + PAIRS] for end in ends_of]
                differences = difference(*(small[rows[end]] for end in pairs))
                near = differences < MAX_DIFFERENCE
                found.append((*(end[near] for end in pairs), differences[near]))
        if found:
            first, second, differences = map(np.concatenate, zip(*found, strict=True))
            yield first, second, differences


def _signatures(small: Small, rows: Ints) -> tuple[NDArray[np.float32], Floats]:
    """Return low DCT coefficients (n, K, K) and mean levels (n,) of interiors, NaN if flat."""
    signatures = np.empty((len(rows), COEFFICIENTS, COEFFICIENTS), dtype=np.float32)
    levels = np.empty(len(rows))
    for start in range(0, len(rows), ROWS):
        images = small[rows[start : start + ROWS]]
        details = high_passed(images)
        coefficients = dctn(details, axes=(1, 2), norm="ortho")
        signatures[start : start + ROWS] = coefficients[:, :COEFFICIENTS, :COEFFICIENTS]
        means = images[:, INTERIOR].mean(axis=(1, 2))
        levels[start : start + ROWS] = np.where(details.any(axis=(1, 2)), means, np.nan)
    return signatures, levels


def _candidates(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> tuple[Ints, Ints]:
    """Return the pairs of signatures that are close enough in one of the eight orientations."""
    near = np.zeros((len(rows), len(columns)), dtype=bool)
    halves = [np.square(side).sum(axis=(1, 2)) / 2 for side in (rows, columns)]
    # |a - b|^2 / 2 <= 1 - correlation, with room for rounding
    least = halves[0][:, None] + halves[1] - np.float32(1 - MIN_CORRELATION + 1e-4)
    for side in (columns, columns.transpose(0, 2, 1)):
        for flipped in (side, side * SIGNS, side * SIGNS[:, None], side * SIGNS * SIGNS[:, None]):
            near |= rows.reshape(len(rows), -1) @ flipped.reshape(len(columns), -1).T > least
    first, second = np.argwhere(near).T
    return first, second


def high_passed(images: Small) -> Floats:
    """Return the interiors (n, SIDE, SIDE) in grey without low frequencies, of length 1 or flat 0.

    Args:
        images: (n, SIDE, SIDE, 3).
    """
    grey = images.mean(axis=3)
    details = grey - gaussian_filter(grey, (0, BLUR, BLUR))
    details -= details[:, INTERIOR].mean(axis=1)[:, None, None]
    details *= INTERIOR
    lengths = np.sqrt(np.square(details).sum(axis=(1, 2), keepdims=True))
    lengths[lengths < MIN_CONTRAST * np.sqrt(INTERIOR.sum())] = np.inf
    return np.asarray(details / lengths)


def difference(first: Small, second: Small) -> Floats:
    """Return the mean difference (m,) of interiors in levels, infinite if they do not correlate.

    Args:
        first: (m, SIDE, SIDE, 3).
        second: (m, SIDE, SIDE, 3); of its eight orientations the nearest one counts.
    """
    details, others = high_passed(first), high_passed(second)
    least = np.full(len(first), np.inf)
    for turned, images in zip(orientations(others), orientations(second), strict=True):
        rows = np.einsum("nij,nij->n", details, turned) > MIN_CORRELATION
        deviations = np.abs(first[rows].astype(np.int16) - images[rows])[:, INTERIOR]
        least[rows] = np.minimum(least[rows], deviations.mean(axis=(1, 2)))
    return least


def orientations(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield images (n, H, H, ...) turned by quarters, as they are and mirrored."""
    for side in (images, images.swapaxes(1, 2)):
        for turns in range(4):
            yield np.rot90(side, turns, axes=(1, 2))


def _tree(first: Ints, second: Ints) -> Ints:
    """Return links (2, m) that connect the same images with at most one for each."""
    names, ends = np.unique(np.concatenate([first, second]), return_inverse=True)
    groups = _components(ends[: len(first)], ends[len(first) :], len(names))
    return np.stack([names[np.unique(groups, return_index=True)[1]][groups], names])


def _components(first: Ints, second: Ints, count: int) -> Ints:
    edges = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(edges, directed=False)[1], dtype=np.int64)
