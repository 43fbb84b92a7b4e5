"""The thumbnail and the colours, against loops over the pixels."""

import numpy as np
import pytest

from aduni.data.shortcuts.thumbnail import COLOURS, NAMES, measure_thumbnail


@pytest.mark.parametrize("shape", [(4, 4), (13, 22), (64, 48)])
def test_cells_and_colours_are_what_loops_give(shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    found = dict(zip(NAMES, measure_thumbnail(pixels), strict=True))

    height, width = shape
    for number, colour in enumerate(COLOURS):
        values = sorted(int(value) for value in pixels[..., number].ravel())
        for y in range(4):
            for x in range(4):
                cell = [
                    int(pixels[row, column, number])
                    for row in range(y * height // 4, (y + 1) * height // 4)
                    for column in range(x * width // 4, (x + 1) * width // 4)
                ]
                mean = sum(cell) / len(cell) / 255
                assert found[f"{colour} of cell {y}, {x}"] == pytest.approx(mean)
        mean = sum(values) / len(values)
        deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        assert found[f"mean of {colour}"] == pytest.approx(mean / 255)
        assert found[f"deviation of {colour}"] == pytest.approx(deviation / 255)
        for share in (10, 50, 90):
            needed = -(-share * len(values) // 100)  # rounded up
            level = values[needed - 1] / 255
            assert found[f"level of {share}% of {colour}"] == pytest.approx(level)


def test_an_image_thinner_than_the_thumbnail_repeats_its_lines():
    pixels = np.array([[10], [20], [30], [40]], dtype=np.uint8)[..., None].repeat(3, axis=2)
    cells = measure_thumbnail(pixels)[:48].reshape(4, 4, 3) * 255

    assert cells == pytest.approx(np.array([10, 20, 30, 40])[:, None, None] * np.ones((4, 4, 3)))
