"""16-bit files of a lower bit depth are decoded or refused according to dataset.bits."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from aduni.data.cache.decode import BITS, highest_level, min_bits
from aduni.data.cache.image_cache import open_rgb
from aduni.inference.images import read_image
from own_data import blotches, class_folders

SHADES = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16)


def saved(levels: np.ndarray, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(file)
    return file


def x_rays(root: Path, highest: int, suffix: str = "png") -> Path:
    """Write sixteen 16-bit images in two classes, of which the first reaches `highest`."""
    for number in range(16):
        levels = np.random.default_rng(number).integers(0, highest // 2, (20, 24), dtype=np.uint16)
        levels[3, 4] = highest if number == 0 else highest // 2
        saved(levels, root / "ab"[number % 2] / f"{number:02d}.{suffix}")
    return root


@pytest.mark.parametrize("kind", ["png", "tif", "big endian"])
@pytest.mark.parametrize("bits", BITS)
def test_the_upper_eight_of_the_bits_count(tmp_path, bits, kind):
    levels = SHADES * ((2**bits - 1) // SHADES.max())
    file = tmp_path / f"a.{'png' if kind == 'png' else 'tif'}"
    if kind == "big endian":
        levels = levels.astype(">u2")
    saved(levels, file)

    expected = np.stack([levels.astype(int) * 256 // 2**bits] * 3, axis=2)
    assert np.array_equal(np.asarray(open_rgb(file, bits)), expected)
    assert highest_level(file) == levels.max()


@pytest.mark.parametrize("bits", BITS[:-1])
def test_levels_above_the_range_are_refused(tmp_path, refusal, bits):
    levels = SHADES.copy()
    levels[0, 0] = 2**bits - 1
    open_rgb(saved(levels, tmp_path / "a.png"), bits)
    levels[0, 0] = 2**bits
    file = saved(levels, tmp_path / "a.png")

    needed = BITS[BITS.index(bits) + 1]
    words = f"has grey levels up to {2**bits}, and dataset.bits={bits} ends at {2**bits - 1}"
    refusal(lambda: open_rgb(file, bits), file, words, f"set dataset.bits={needed}")
    refusal(lambda: read_image(file, 16, bits), file, words, "as the model was trained")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_colours_have_all_bits(tmp_path, refusal, suffix):
    file = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(file), np.stack([SHADES] * 3, axis=2))

    assert highest_level(file) == 2**16 - 1
    refusal(lambda: open_rgb(file, 12), file, "16 bits for each colour", "set dataset.bits=16.")
    assert np.asarray(open_rgb(file)).max() == 0


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
def test_signed_and_32_bit_levels_are_refused_whatever_the_bits(tmp_path, refusal, kind):
    assert cv2.imwrite(str(tmp_path / "a.tif"), SHADES.astype(kind))
    for bits in BITS:
        refusal(lambda: open_rgb(tmp_path / "a.tif", bits), "no agreed range")  # noqa: B023
    assert highest_level(tmp_path / "a.tif") == 0


def test_8_bit_files_are_the_same_whatever_the_bits(tmp_path):
    for name in ("a.png", "a.bmp", "a.jpg", "a.gif", "a.webp"):
        blotches(0).save(tmp_path / name)
        expected = np.asarray(open_rgb(tmp_path / name))
        assert expected.max() > 200
        assert all(np.array_equal(np.asarray(open_rgb(tmp_path / name, b)), expected) for b in BITS)
        assert highest_level(tmp_path / name) == 0


@pytest.mark.parametrize(
    ("levels", "bits"),
    [
        *(([], 16), ([0, 0], 16), ([0, 1], 8), ([255], 8), ([256, 3], 10), ([1023], 10)),
        *(([1024], 12), ([4095, 0], 12), ([4096], 14), ([16383], 14), ([16384], 16), ([65535], 16)),
    ],
)
def test_auto_takes_the_fewest_bits_that_hold_all_levels(levels, bits):
    assert min_bits(levels) == bits


@pytest.mark.parametrize("bits", ["auto", 12])
def test_a_data_set_is_read_with_its_bits(make_data, tmp_path, bits):
    data = make_data("folder", x_rays(tmp_path / "x", 4000), title="x", bits=bits)

    assert data.bits == 12
    assert data.cache.originals["brightest"].max() == 4000 >> 4
    levels = np.asarray(Image.open(tmp_path / "x" / "a" / "00.png"))
    expected = Image.fromarray((levels >> 4).astype(np.uint8)).convert("RGB")
    resized = np.asarray(expected.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(data.cache.pixels[0], resized)


def test_of_a_mixed_data_set_8_bit_files_stay_as_they_are(make_data, tmp_path):
    root = x_rays(tmp_path / "x", 4000, "tif")
    blotches(7).save(root / "a" / "blotches.png")
    data = make_data("folder", root, title="x", bits="auto")

    assert data.bits == 12
    row = data.table.images.index("a/blotches.png")
    expected = blotches(7).resize((16, 16), Image.Resampling.BILINEAR)
    assert np.array_equal(data.cache.pixels[row], np.asarray(expected))


def test_the_bits_name_a_cache_only_where_they_matter(make_data, tmp_path):
    class_folders(tmp_path / "skin")
    skin = [make_data("folder", tmp_path / "skin", title="s", bits=b) for b in (16, 12, "auto")]
    assert len({data.cache.folder for data in skin}) == 1
    assert skin[2].bits == 16  # the default, where no file has more than 8

    root = x_rays(tmp_path / "x", 900)
    rays = [make_data("folder", root, title="x", bits=b) for b in (16, 12, 10, "auto")]
    assert len({data.cache.folder for data in rays}) == 3
    assert rays[2].cache == rays[3].cache


def test_the_range_is_exceeded_by_name_and_no_cache_is_left(make_data, tmp_path, refusal):
    data = make_data("folder", x_rays(tmp_path / "x", 1024), title="x", bits=10)

    sentence = "set dataset.bits=12 or more, or auto."
    refusal(data.prepare_data, tmp_path / "x" / "a" / "00.png", "up to 1024", sentence)
    assert not [entry for entry in (tmp_path / "cache").iterdir() if entry.is_dir()]


def test_a_changed_picture_changes_what_auto_finds(make_data, tmp_path):
    root = x_rays(tmp_path / "x", 900)
    before = make_data("folder", root, title="x", bits="auto")
    folder = before.cache.folder
    assert before.bits == 10
    saved(np.full((20, 24), 5000, dtype=np.uint16), root / "b" / "01.png")

    after = make_data("folder", root, title="x", bits="auto")
    assert after.bits == 14
    assert after.cache.folder != folder
