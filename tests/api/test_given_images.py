"""Images in memory are read as the files that they would be."""

import numpy as np
import pytest
from PIL import Image

from aduni.api.given_images import list_images
from aduni.data.cache.decode import InputFormat
from aduni.inference.images import read_formats

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (9, 7), dtype=np.uint8)
DEEP = RNG.integers(0, 2**12, (9, 7), dtype=np.uint16)


@pytest.mark.parametrize("array", [COLOUR, GREY, DEEP], ids=["colour", "grey", "16 bits"])
def test_an_array_is_read_as_its_file(array, tmp_path):
    file = tmp_path / "image.png"
    Image.fromarray(array).save(file)
    formats = [InputFormat(5, 12)]
    expected = read_formats(file, formats)[0]
    for image in (array, Image.fromarray(array), Image.open(file)):
        (source,) = list_images(image)
        assert (read_formats(source, formats)[0] == expected).all()


def test_several_images_have_their_number_as_name(tmp_path):
    file = tmp_path / "image.png"
    Image.fromarray(COLOUR).save(file)
    assert list(map(str, list_images(np.stack([COLOUR] * 3)))) == ["0", "1", "2"]
    assert list(map(str, list_images([GREY, file, Image.fromarray(GREY)]))) == ["0", str(file), "2"]
    assert list(map(str, list_images(COLOUR[:, :, :1]))) == ["0"]
    assert list(map(str, list_images(tmp_path))) == [str(file)]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (COLOUR / 255, "float64"),
        (COLOUR[:0], "0, 7, 3"),
        (RNG.integers(0, 9, (3, 9, 7), dtype=np.uint8), "give (H, W)"),
        ([3], "type int"),
        ([], "no image"),
    ],
)
def test_other_things_are_refused(image, words, refusal):
    refusal(lambda: list_images(image), words)
