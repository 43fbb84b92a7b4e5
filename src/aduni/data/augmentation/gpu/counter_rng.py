"""Counter-based random numbers: functions of (seed, epoch, row, view) without a state."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""32-bit words, stored in 64 bits because numpy has no widening product of 32-bit integers."""

ROUNDS = 10
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def uniforms(
    seed: int,
    epochs: NDArray[np.int64],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    count: int,
) -> NDArray[np.float64]:
    """Return uniform random numbers, each row a function of its own arguments only.

    Args:
        seed: below 2^32.
        epochs: (N,) from 0.
        rows: (N,) rows of the image table.
        numbers: (N,) number of the view among all views of the image in the epoch.
        count: P, numbers per view; a larger count extends the rows and leaves their beginning.

    Returns:
        (N, P), uniform in [0, 1), multiples of 2^-32.
    """
    blocks = -(-count // 4)
    counter = [np.repeat(part.astype(np.uint64), blocks) for part in (rows, epochs, numbers)]
    counter.append(np.tile(np.arange(blocks, dtype=np.uint64), len(rows)))
    words = philox(counter, (seed, 0)).reshape(len(rows), 4 * blocks)
    values: NDArray[np.float64] = words[:, :count].astype(np.float64)
    return values / 2**32


def philox(counter: list[Words], key: tuple[int, int]) -> Words:
    """Encrypt counters by Philox4x32-10.

    Args:
        counter: four arrays of words (n,).
        key: two words.

    Returns:
        (n, 4) words; for each key a bijection of the counter.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    a, b, c, d = counter
    for first, second in _round_keys(key):
        left, right = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, c = (right >> HALF) ^ b ^ first, (left >> HALF) ^ d ^ second
        b, d = right & LOW, left & LOW
    return np.stack([a, b, c, d], axis=-1)


def _round_keys(key: tuple[int, int]) -> Iterator[tuple[np.uint64, np.uint64]]:
    first, second = key
    for _ in range(ROUNDS):
        yield np.uint64(first), np.uint64(second)
        first, second = (first + KEY_STEPS[0]) % 2**32, (second + KEY_STEPS[1]) % 2**32
