"""Random numbers as a function of seed, epoch, row, view and parameter."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from aduni.data.augmentation.gpu.counter_rng import philox, uniforms


def words(hexadecimal: str) -> list[int]:
    return [int(word, 16) for word in hexadecimal.split()]


def slow_philox(counter: list[int], key: list[int]) -> list[int]:
    """Compute one block in Python integers, as in the paper's figure 4."""
    for _ in range(10):
        products = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        (high_0, low_0), (high_1, low_1) = (divmod(product, 2**32) for product in products)
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def numbers(seed=0, epoch=0, row=0, number=0, count=16) -> np.ndarray:
    """Return the numbers of one key."""
    return uniforms(seed, *(np.array([value]) for value in (epoch, row, number)), count)[0]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # "philox4x32 10" in kat_vectors of Random123, the authors' own implementation
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_generator_gives_the_published_answers(counter, key, expected):
    first, second = words(key)
    given = [np.array([word], dtype=np.uint64) for word in words(counter)]

    assert philox(given, (first, second)).tolist() == [words(expected)]
    assert slow_philox(words(counter), words(key)) == words(expected)


def test_each_number_is_that_of_its_own_block():
    epochs, rows, views = np.array([0, 3, 399]), np.array([9, 0, 10014]), np.array([0, 1, 70])
    drawn = uniforms(2**32 - 1, epochs, rows, views, 6)

    for place, (epoch, row, view) in enumerate(np.stack([epochs, rows, views], axis=1).tolist()):
        blocks = [slow_philox([row, epoch, view, block], [2**32 - 1, 0]) for block in (0, 1)]
        assert (drawn[place] * 2**32).tolist() == (blocks[0] + blocks[1])[:6]


def test_numbers_are_uniform():
    rows = np.arange(4000)
    drawn = uniforms(0, np.zeros_like(rows), rows, np.zeros_like(rows), 16)

    assert drawn.min() >= 0
    assert drawn.max() < 1
    for column in drawn.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
        counts, _ = np.histogram(column, bins=32, range=(0, 1))
        assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("axis", ["seed", "epoch", "row", "number", "parameter"])
def test_neighbours_in_one_place_are_independent(axis):
    if axis == "parameter":
        rows = np.arange(4000)
        one, other = uniforms(0, rows * 0, rows, rows * 0, 2).T
    elif axis == "seed":
        one, other = (np.concatenate([numbers(2 * i + j) for i in range(250)]) for j in (0, 1))
    else:
        places = {"epoch": 0, "row": 1, "number": 2}
        key = [np.full(4000, 5) for _ in range(3)]
        key[places[axis]] = np.arange(4000)
        drawn = uniforms(0, *key, 1)[:, 0]
        one, other = drawn[::2], drawn[1::2]

    cells, _, _ = np.histogram2d(one, other, bins=8, range=[[0, 1], [0, 1]])
    assert stats.chi2_contingency(cells).pvalue > 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(one))


def test_every_part_of_the_key_counts_and_places_are_not_exchanged():
    keys = list(product(range(3), repeat=4))

    assert len({numbers(*key, count=2).tobytes() for key in keys}) == len(keys)


def test_neither_company_nor_further_numbers_change_a_draw():
    rng = np.random.default_rng(0)
    key = [rng.integers(0, 1000, 50) for _ in range(3)]
    together = uniforms(7, *key, 16)

    for place in (0, 49):
        alone = uniforms(7, *(part[place : place + 1] for part in key), 5)
        assert alone.tolist() == [together[place, :5].tolist()]
