"""Measure the black border of an image, as cameras and crops leave it."""

import numpy as np
from numpy.typing import NDArray

DARK_LEVEL = 16
"""Highest of 256 levels that counts as border: JPEG leaves noise in black."""
MIN_SHARE = 0.01
"""Share of a line's pixels above the dark level from which the line belongs to the picture."""
CORNER = 16
"""A corner is a square of so many times less than the shorter side."""

SIDES = ("left", "right", "top", "bottom")
CORNERS = ("top left", "top right", "bottom left", "bottom right")
NAMES = (
    *(f"{side} margin" for side in SIDES),
    *(f"dark share of the {side} edge" for side in SIDES),
    *(f"level of the {corner} corner" for corner in CORNERS),
    *("dark share", "centre x", "centre y", "radius", "width to height", "fill", "black level"),
)


def measure_border(levels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the numbers of NAMES for (H, W) levels, the highest of each pixel's colours.

    Margins are shares of the width or height, levels and dark shares lie in 0..1. The bright
    pixels give a centre (from the image's, in widths and heights), a radius (of the disc of their
    area, 1 for one that touches the longer sides), and a bounding box with its proportions and the
    share of it that they fill (pi / 4 for a disc). The black level is the mean of the dark pixels.
    """
    bright = levels > DARK_LEVEL
    height, width = bright.shape
    columns, rows = bright.sum(axis=0), bright.sum(axis=1)
    left, right = _margins(columns / height)
    top, bottom = _margins(rows / width)
    edges = [1 - edge.mean() for edge in (bright[:, 0], bright[:, -1], bright[0], bright[-1])]
    k = max(min(height, width) // CORNER, 1)
    squares = (levels[:k, :k], levels[:k, -k:], levels[-k:, :k], levels[-k:, -k:])
    corners = [square.mean() / 255 for square in squares]
    area, box = rows.sum(), ((1 - left - right) * width, (1 - top - bottom) * height)
    x, y = (_centre(line) if area else 0.0 for line in (columns, rows))
    radius = np.sqrt(area / np.pi) / (min(height, width) / 2)
    filled = area / (box[0] * box[1]) if min(box) > 0 else 0
    shape = box[0] / box[1] if min(box) > 0 else 1
    black = levels[~bright].mean() / 255 if area < bright.size else 0
    shares = (left, right, top, bottom, *edges, *corners, 1 - area / bright.size)
    return np.array([*shares, x, y, radius, shape, filled, black])


def _centre(counts: NDArray[np.int64]) -> float:
    """Return the mean place of counted pixels, from the middle, as a share of the length."""
    return float(counts @ (np.arange(len(counts)) + 0.5) / counts.sum() / len(counts) - 0.5)


def _margins(shares: NDArray[np.float64]) -> tuple[float, float]:
    """Return the shares of dark lines before and after the picture, by each line's bright share."""
    lines = np.flatnonzero(shares >= MIN_SHARE)
    if not len(lines):
        return 0.5, 0.5
    return lines[0] / len(shares), 1 - (lines[-1] + 1) / len(shares)
