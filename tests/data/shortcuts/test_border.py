"""Numbers about the border, against discs whose circle and crop are known, and slow loops."""

import numpy as np
import pytest

from aduni.data.shortcuts.border import DARK_LEVEL, NAMES, measure_border


def _disc(height, width, x, y, radius, level=200):
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return np.where(inside, level, 3).astype(np.uint8)


def _measured(levels):
    return dict(zip(NAMES, measure_border(levels), strict=True))


def test_a_whole_disc_gives_its_place_and_size():
    found = _measured(_disc(240, 320, x=170, y=118, radius=100))

    # A line of the picture's edge is short, so that it may count as dark: two pixels.
    sides = {"left": 70 / 320, "right": 50 / 320, "top": 18 / 240, "bottom": 22 / 240}
    for side, share in sides.items():
        assert found[f"{side} margin"] == pytest.approx(share, abs=2 / 240)
        assert found[f"dark share of the {side} edge"] == 1
    assert found["centre x"] == pytest.approx(10 / 320, abs=1e-3)
    assert found["centre y"] == pytest.approx(-2 / 240, abs=1e-3)
    assert found["radius"] == pytest.approx(100 / 120, rel=1e-3)
    assert found["width to height"] == pytest.approx(1, abs=0.02)
    assert found["fill"] == pytest.approx(np.pi / 4, abs=0.02)
    assert found["dark share"] == pytest.approx(1 - np.pi * 100**2 / (240 * 320), rel=1e-3)
    assert found["black level"] == pytest.approx(3 / 255)
    assert found["level of the top left corner"] == pytest.approx(3 / 255)


def test_a_disc_that_the_crop_cuts_touches_the_edges():
    found = _measured(_disc(200, 320, x=160, y=100, radius=120))

    assert found["top margin"] == found["bottom margin"] == 0
    assert found["left margin"] == pytest.approx(40 / 320, abs=2 / 320)
    chord = 2 * np.sqrt(120**2 - 100**2)
    assert found["dark share of the top edge"] == pytest.approx(1 - chord / 320, abs=0.02)
    assert found["dark share of the left edge"] == 1


@pytest.mark.parametrize("level", [0, DARK_LEVEL, DARK_LEVEL + 1, 255])
def test_an_even_picture_is_all_border_or_none(level):
    found = _measured(np.full((20, 30), level, dtype=np.uint8))

    assert np.isfinite(list(found.values())).all()
    assert found["dark share"] == (level <= DARK_LEVEL)
    assert found["fill"] == (level > DARK_LEVEL)
    assert found["level of the bottom right corner"] == pytest.approx(level / 255)


def test_every_number_is_what_slow_loops_give():
    levels = np.random.default_rng(0).integers(0, 40, (17, 33)).astype(np.uint8)
    found = _measured(levels)

    bright = [(y, x) for y in range(17) for x in range(33) if levels[y, x] > DARK_LEVEL]
    dark = [levels[y, x] for y in range(17) for x in range(33) if levels[y, x] <= DARK_LEVEL]
    assert found["dark share"] == pytest.approx(len(dark) / (17 * 33))
    assert found["black level"] == pytest.approx(sum(map(int, dark)) / len(dark) / 255)
    assert found["centre x"] == pytest.approx(
        sum(x + 0.5 for _, x in bright) / len(bright) / 33 - 0.5
    )
    assert found["centre y"] == pytest.approx(
        sum(y + 0.5 for y, _ in bright) / len(bright) / 17 - 0.5
    )
    assert found["radius"] == pytest.approx((len(bright) / np.pi) ** 0.5 / (17 / 2))
    right = sum(levels[y, 32] <= DARK_LEVEL for y in range(17)) / 17
    assert found["dark share of the right edge"] == pytest.approx(right)
    assert found["level of the top right corner"] == pytest.approx(int(levels[0, 32]) / 255)
