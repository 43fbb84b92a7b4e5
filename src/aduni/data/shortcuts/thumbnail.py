"""Reduce an image to 4 x 4 pixels and the statistics of its colours."""

import numpy as np
from numpy.typing import NDArray

SIDE = 4
SHARES = (0.1, 0.5, 0.9)
COLOURS = ("red", "green", "blue")
NAMES = (
    *(f"{colour} of cell {y}, {x}" for y in range(SIDE) for x in range(SIDE) for colour in COLOURS),
    *(f"mean of {colour}" for colour in COLOURS),
    *(f"deviation of {colour}" for colour in COLOURS),
    *(f"level of {share:.0%} of {colour}" for colour in COLOURS for share in SHARES),
)


def measure_thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the numbers of NAMES, in 0..1, for (H, W, 3) pixels.

    They are the means of 4 x 4 cells, and of each colour the mean, the standard deviation and the
    lowest levels that 10, 50 and 90 % of the pixels do not exceed.
    """
    rows, columns = (np.arange(SIDE) * size // SIDE for size in pixels.shape[:2])
    sums = np.add.reduceat(pixels, rows, axis=0, dtype=np.int64)
    sums = np.add.reduceat(sums, columns, axis=1)
    heights, widths = (
        np.maximum(np.diff(np.append(starts, size)), 1)  # a thin image repeats its lines
        for starts, size in zip((rows, columns), pixels.shape[:2], strict=True)
    )
    cells = sums / (heights[:, None] * widths)[..., None]
    counts = [np.bincount(pixels[..., colour].ravel(), minlength=256) for colour in range(3)]
    shares = np.array(counts) / (pixels.shape[0] * pixels.shape[1])
    levels = np.arange(256)
    mean = shares @ levels
    deviation = np.sqrt(shares @ levels**2 - mean**2 + 1e-12)  # 1e-12: rounding below 0
    below = np.cumsum(shares, axis=1)
    reached = [np.searchsorted(row, np.array(SHARES) - 1e-12) for row in below]
    return np.concatenate([np.ravel(part) for part in (cells, mean, deviation, reached)]) / 255
