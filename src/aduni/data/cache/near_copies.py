"""Find photographs that were saved anew: re-encoded, resized, mirrored or turned by quarters."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.connected import connected_groups
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
RINGS = 3
"""Rings of equal area of which levels are compared at first: no orientation changes them."""
ROUNDING = 1e-6
ROWS, PAIRS = 128, 4096
"""Images whose neighbours are looked up, and pairs that are compared, at once."""

_Y, _X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
_RADIUS = np.hypot(_Y, _X)
INTERIOR = _RADIUS < 0.75 * SIDE / 2
"""Disc (SIDE, SIDE) inside of the border of a fundus and of dark corners."""
_EDGES = np.quantile(_RADIUS[INTERIOR], np.arange(1, RINGS) / RINGS)
RING_WEIGHTS = np.eye(RINGS)[np.searchsorted(_EDGES, _RADIUS[INTERIOR])] / (3 * INTERIOR.sum())
"""Weights (pixels of the interior, RINGS) of the levels of one of three channels."""

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
    groups = connected_groups(first, second, len(names))[same]
    first_rows = pd.Series(np.arange(len(same))).groupby(groups).transform("min")
    return first_rows.to_numpy(), nearest[same]


def _near_pairs(small: Small, rows: Ints) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield the near copies among `rows`, as positions in them, with their differences.

    No pair is missed: the weighted levels of two images differ by no more than the images do, in
    the sum of absolute differences, by which a tree finds neighbours.
    """
    from scipy.spatial import cKDTree  # takes time, and known images need no comparison

    levels = _ring_levels(small, rows)
    compared = np.flatnonzero(np.isfinite(levels[:, 0]))
    tree = cKDTree(levels[compared])
    for start in range(0, len(compared), ROWS):
        block = tree.indices[start : start + ROWS]  # neighbours in the tree: their nodes are near
        near = tree.query_ball_point(tree.data[block], MAX_DIFFERENCE + ROUNDING, p=1)
        first = np.repeat(block, [len(each) for each in near])
        second = np.concatenate(near).astype(np.int64)
        ends = compared[first[first < second]], compared[second[first < second]]
        for begin in range(0, len(ends[0]), PAIRS):
            pair = [end[begin : begin + PAIRS] for end in ends]
            differences = difference(*(small[rows[end]] for end in pair))
            is_near = differences < MAX_DIFFERENCE
            if is_near.any():
                yield pair[0][is_near], pair[1][is_near], differences[is_near]


def _ring_levels(small: Small, rows: Ints) -> Floats:
    """Return mean levels (n, 3 RINGS), weighted by area, of rings of interiors; NaN if flat."""
    levels = np.empty((len(rows), 3 * RINGS))
    for start in range(0, len(rows), PAIRS):
        images = small[rows[start : start + PAIRS]]
        means = np.einsum("npc,pr->ncr", images[:, INTERIOR].astype(np.float64), RING_WEIGHTS)
        is_flat = np.asarray(~high_passed(images).any(axis=(1, 2)))
        means[is_flat] = np.nan
        levels[start : start + PAIRS] = means.reshape(len(images), -1)
    return levels


def high_passed(images: Small) -> Floats:
    """Return the interiors (n, SIDE, SIDE) in grey without low frequencies, of length 1 or flat 0.

    Args:
        images: (n, SIDE, SIDE, 3).
    """
    from scipy.ndimage import gaussian_filter  # as in `_near_pairs`

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
    groups = connected_groups(ends[: len(first)], ends[len(first) :], len(names))
    return np.stack([names[np.unique(groups, return_index=True)[1]][groups], names])
