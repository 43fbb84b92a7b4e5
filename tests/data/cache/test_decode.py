"""Image files of every depth, colour mode, orientation and size are decoded or refused."""

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aduni.data.cache.image_cache import build_cache, open_rgb

SHADES = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 341  # 0 to 65,131
ORIENTATION = 0x0112


def read(file: Path) -> np.ndarray:
    image = open_rgb(file)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_of_16_bit_grey_the_upper_eight_count(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(SHADES).save(file)

    assert np.array_equal(read(file), np.stack([SHADES >> 8] * 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_of_16_bit_colours_the_upper_eight_count(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    colours = np.stack([SHADES, SHADES[::-1], SHADES // 2], axis=2)
    assert cv2.imwrite(str(file), colours[:, :, ::-1])

    assert np.array_equal(read(file), colours >> 8)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_32_bit_grey_is_refused(tmp_path, refusal, kind):
    file = tmp_path / "a.tif"
    Image.fromarray(SHADES.astype(kind)).save(file)

    refusal(lambda: open_rgb(file), file, "32-bit grey levels have no agreed range")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_black_and_half_transparent_ones_mixed(tmp_path, mode):
    file = tmp_path / "a.png"
    picture = Image.new("RGBA", (3, 1), (200, 200, 200, 255))
    picture.putpixel((1, 0), (200, 200, 200, 0))
    picture.putpixel((2, 0), (200, 200, 200, 128))
    if mode == "P":
        picture.putpixel((2, 0), (200, 200, 200, 255))
        palette = Image.new("P", (3, 1), 0)
        palette.putpalette([200, 200, 200, 255, 0, 0])
        palette.putpixel((1, 0), 1)
        palette.save(file, transparency=1)
    else:
        picture.convert(mode).save(file)

    found = read(file)[0, :, 0].tolist()
    assert found[:2] == [200, 0]
    assert found[2] == 200 if mode == "P" else abs(found[2] - 100) <= 1


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(file)

    red = read(file)[8, 8].astype(int)
    assert np.abs(red - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_photographs_are_turned_upright(tmp_path, suffix, orientation):
    upright = Image.new("RGB", (48, 32), "black")
    upright.paste("white", (0, 0, 16, 16))  # top left
    # How a camera held that way stores what is upright: the inverse of what the tag asks for.
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = tmp_path / f"a.{suffix}"
    stored.save(file, exif=exif, **({} if suffix in ("png", "tif") else {"quality": 95}))

    found = read(file)
    assert found.shape == (32, 48, 3)
    assert np.abs(found.astype(int) - np.asarray(upright)).max() <= 40


def test_an_animation_is_its_first_image(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    assert read(tmp_path / "a.gif")[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_the_smallest_images_are_resized_like_others(tmp_path, size):
    Image.new("RGB", size, (9, 8, 7)).save(tmp_path / "a.png")

    cache = build_cache(tmp_path / "c", ["a"], lambda row: open_rgb(tmp_path / "a.png"), 16)
    assert (cache.pixels == [9, 8, 7]).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "bmp", "webp"])
def test_a_truncated_file_of_any_kind_is_refused(tmp_path, refusal, suffix):
    file = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])

    refusal(lambda: open_rgb(file), file, "is not a readable image", "remove its row")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, refusal):
    # 20,000 x 20,000 pixels of one colour: 400 MB as bytes, 50 kB as a file.
    file = tmp_path / "a.png"
    Image.new("1", (20_000, 20_000)).save(file)
    assert file.stat().st_size < 100_000

    refusal(lambda: open_rgb(file), file, "exceeds limit", "remove its row")


def test_a_text_that_swells_is_refused(tmp_path, refusal):
    text = PngInfo()
    text.add_text("comment", "a" * 2**22, zip=True)
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=text)

    refusal(lambda: open_rgb(tmp_path / "a.png"), tmp_path / "a.png", "too large")


@pytest.mark.slow
def test_a_huge_photograph_is_read_with_a_warning(tmp_path):
    file = tmp_path / "a.png"
    Image.new("L", (12_000, 8_000), 7).save(file)  # 96 megapixels

    with pytest.warns(Image.DecompressionBombWarning):
        image = open_rgb(file)
    assert image.size == (12_000, 8_000)


def test_other_kinds_are_refused_and_no_other_program_is_started(tmp_path, refusal, monkeypatch):
    def start(*args: object, **kwargs: object) -> None:
        pytest.fail("a program was started")

    file = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(file, format="EPS")
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(subprocess, "check_call", start)

    refusal(lambda: open_rgb(file), file, "cannot identify")


# Links, and what is not a file


def test_a_link_is_followed_wherever_it_leads_and_its_change_is_seen(aptos, make_data, tmp_path):
    file = min(aptos.images.iterdir())
    elsewhere = file.rename(tmp_path / "elsewhere.png")
    file.symlink_to(elsewhere)
    before = make_data("aptos", aptos.root).cache
    Image.new("RGB", (5, 5), "red").save(elsewhere)

    after = make_data("aptos", aptos.root).cache
    changed = (np.array(before.pixels) != np.array(after.pixels)).any(axis=(1, 2, 3))
    assert np.flatnonzero(changed).tolist() == [0]


@pytest.mark.parametrize("kind", ["to nothing", "to itself", "pipe", "folder", "device"])
def test_what_leads_to_no_file_is_refused_and_not_waited_for(aptos, make_data, refusal, kind):
    file = min(aptos.images.iterdir())
    file.unlink()
    {
        "to nothing": lambda: file.symlink_to("nothing.png"),
        "to itself": lambda: file.symlink_to(file),
        "pipe": lambda: os.mkfifo(file),
        "folder": file.mkdir,
        "device": lambda: file.symlink_to("/dev/zero"),
    }[kind]()

    refusal(make_data("aptos", aptos.root).prepare_data, file, "not a readable image")
