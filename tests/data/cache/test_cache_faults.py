"""A cache that is damaged or of other images is rebuilt with a warning."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aduni.data.cache.image_cache import ImageCache, build_cache
from aduni.data.cache.integrity import SAMPLED_ROWS, cache_fault

COUNT, SIZE = 40, 16  # more rows than a start reads
IMAGES = [f"image{i}" for i in range(COUNT)]
UNREAD = 1  # a row that no start reads


def picture(row: int) -> Image.Image:
    pixels = np.random.default_rng(row).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def build(folder: Path, images: list[str] = IMAGES, *, every_row: bool = False) -> ImageCache:
    return build_cache(folder, images, picture, SIZE, every_row=every_row)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path / "cache" / "c").folder


def rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))


def spoil(folder: Path, row: int) -> None:
    """Flip one bit of a row's pixels."""
    pixels = np.lib.format.open_memmap(folder / "pixels.npy", mode="r+")
    pixels[row, 3, 4, 1] ^= 1
    pixels.flush()


def npz(folder: Path) -> None:
    with (folder / "pixels.npy").open("wb") as file:
        np.savez(file, pixels=np.zeros((COUNT, SIZE, SIZE, 3), dtype=np.uint8))


def save(folder: Path, pixels: np.ndarray) -> None:
    np.save(folder / "pixels.npy", pixels)


def other(folder: Path) -> None:
    """Replace a cache by one of as many other images."""
    shutil.rmtree(folder)
    build(folder, [f"other{i}" for i in range(COUNT)])


def renamed(text: bytes) -> bytes:
    return text.replace(b"image7,", b"image8,")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pixels cut": (lambda f: rewrite(f / "pixels.npy", lambda b: b[:-1]), "cannot be read"),
    "pixels empty": (lambda f: rewrite(f / "pixels.npy", lambda b: b""), "cannot be read"),
    "pixels missing": (lambda f: (f / "pixels.npy").unlink(), "pixels.npy is missing"),
    "pixels of another kind of file": (npz, "cannot be read"),
    "pixels of another type": (
        lambda f: save(f, np.zeros((COUNT, SIZE, SIZE, 3), np.float32)),
        "another kind",
    ),
    "pixels of another size": (
        lambda f: save(f, np.zeros((COUNT, 8, 8, 3), np.uint8)),
        "another kind",
    ),
    "pixels in another order": (
        lambda f: save(f, np.zeros((COUNT, SIZE, SIZE, 3), np.uint8, order="F")),
        "another kind",
    ),
    "first row": (lambda f: spoil(f, 0), "the pixels of row 0 have changed"),
    "last row": (lambda f: spoil(f, COUNT - 1), f"the pixels of row {COUNT - 1} have changed"),
    "table missing": (lambda f: (f / "originals.csv").unlink(), "originals.csv is missing"),
    "table edited": (lambda f: rewrite(f / "originals.csv", renamed), "originals.csv has changed"),
    "seal missing": (lambda f: (f / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    "seal damaged": (lambda f: rewrite(f / "SHA256SUMS", lambda b: b"\xff" + b), "cannot be read"),
    "emptied": (lambda f: (shutil.rmtree(f), f.mkdir()), "is missing"),
    "other images": (other, "it is of other images"),
    "a file instead": (lambda f: (shutil.rmtree(f), f.touch()), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_cache_is_built_anew_and_says_so(folder, caplog, damage):
    expected = np.array(ImageCache(folder).pixels)
    change, words = DAMAGES[damage]
    change(folder)

    caplog.clear()
    again = build(folder)
    assert np.array_equal(again.pixels, expected)
    assert again.originals["image"].tolist() == IMAGES
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{folder} is built anew: " in record.getMessage()
    assert words in record.getMessage()
    caplog.clear()
    build(folder, every_row=True)
    assert caplog.records == []
    assert [p.name for p in folder.parent.iterdir() if p.is_dir()] == ["c"]


@pytest.fixture
def large(monkeypatch) -> None:
    """Treat all arrays as too large to be read at every start."""
    monkeypatch.setattr("aduni.data.cache.integrity.MAX_FULL_CHECK_BYTES", 0)


@pytest.mark.parametrize("row", range(0, COUNT, 7))
def test_a_start_reads_every_row_of_a_small_cache(folder, caplog, row):
    expected = np.array(ImageCache(folder).pixels)
    seal = (folder / "SHA256SUMS").stat()
    spoil(folder, row)
    os.utime(folder / "pixels.npy", ns=(seal.st_atime_ns, seal.st_mtime_ns))

    assert np.array_equal(build(folder).pixels, expected)
    assert f"the pixels of row {row} have changed" in caplog.text


@pytest.mark.usefixtures("large")
def test_a_start_reads_every_row_of_what_was_written_to(folder, caplog):
    expected = np.array(ImageCache(folder).pixels)
    later = (folder / "SHA256SUMS").stat().st_mtime_ns + 10**9
    spoil(folder, UNREAD)
    os.utime(folder / "pixels.npy", ns=(later, later))

    assert np.array_equal(build(folder).pixels, expected)
    assert f"the pixels of row {UNREAD} have changed" in caplog.text


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("row", [UNREAD, COUNT - 2])
def test_a_start_reads_some_rows_of_a_large_cache_and_the_full_check_all(folder, caplog, row):
    expected = np.array(ImageCache(folder).pixels)
    seal = (folder / "SHA256SUMS").stat()
    spoil(folder, row)
    os.utime(folder / "pixels.npy", ns=(seal.st_atime_ns, seal.st_mtime_ns))

    build(folder)
    assert caplog.records == []
    assert np.array_equal(build(folder, every_row=True).pixels, expected)
    assert f"the pixels of row {row} have changed" in caplog.text


@pytest.mark.usefixtures("large")
def test_a_start_reads_no_more_rows_than_it_says(folder, monkeypatch):
    read = []
    digest = "aduni.data.cache.integrity.row_digest"
    monkeypatch.setattr(digest, lambda row: (read.append(1), "no such digest")[1])
    cache_fault(folder, IMAGES, SIZE, every_row=False)
    assert len(read) == 1  # the first that is wrong is enough

    read.clear()
    originals = ImageCache(folder).originals["cached"].tolist()
    expected = iter(
        originals[i] for i in sorted({*np.linspace(0, COUNT - 1, SAMPLED_ROWS, dtype=int)})
    )
    monkeypatch.setattr(digest, lambda row: (read.append(1), next(expected))[1])
    assert cache_fault(folder, IMAGES, SIZE, every_row=False) is None
    assert len(read) == SAMPLED_ROWS


def test_no_header_of_the_pixels_crashes_the_check(folder):
    file = folder / "pixels.npy"
    whole = file.read_bytes()
    expected = np.array(ImageCache(folder).pixels)
    for place in range(128):
        for byte in (0, 255, whole[place] ^ 1):
            file.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            fault = cache_fault(folder, IMAGES, SIZE, every_row=False)
            assert fault or np.array_equal(ImageCache(folder).pixels, expected)


def test_damaged_cache_of_a_data_set_is_built_anew_from_its_files(aptos, make_data, caplog):
    first = make_data("aptos", aptos.root).cache
    expected = np.array(first.pixels)
    (first.folder / "SHA256SUMS").unlink()
    assert np.array_equal(make_data("aptos", aptos.root).cache.pixels, expected)
    spoil(first.folder, UNREAD)
    data = make_data("aptos", aptos.root)
    data.verify_cache()
    assert np.array_equal(data.cache.pixels, expected)
    assert caplog.text.count("is built anew") == 2


def test_files_of_the_future_and_of_the_distant_past_are_nothing_special(aptos, make_data):
    for seconds, file in zip((2**33, -(2**31), 0), sorted(aptos.images.iterdir()), strict=False):
        os.utime(file, (seconds, seconds))
    first = make_data("aptos", aptos.root).cache
    again = make_data("aptos", aptos.root)
    again.open_image = None
    assert again.cache == first


def test_a_cache_in_a_folder_that_cannot_be_written_is_read(folder, monkeypatch):
    def refuse(*args: object) -> None:
        raise PermissionError

    monkeypatch.setattr("aduni.data.cache.cache_folder.FileLock", refuse)
    assert len(build(folder).pixels) == COUNT
