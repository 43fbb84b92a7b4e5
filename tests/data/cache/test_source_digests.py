"""Cache keys depend on the images' content, and only changed files are read."""

import os
import shutil
import threading
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import aduni.data.cache.source_digests
from aduni.data.cache.image_cache import build_cache
from aduni.data.cache.source_digests import TIME_RESOLUTION_NS, read_sources
from own_data import archive, blotches, class_folders

AGO = 10**9 * 1_600_000_000


@pytest.fixture
def settled(monkeypatch):
    """Treat files that were just written as old."""
    monkeypatch.setattr(aduni.data.cache.source_digests, "TIME_RESOLUTION_NS", 0)


@pytest.fixture
def read(monkeypatch):
    """Record the names of the files whose content is read."""
    names = []
    digest = aduni.data.cache.source_digests._digest

    def noted(file):
        names.append(file.name)
        return digest(file)

    monkeypatch.setattr(aduni.data.cache.source_digests, "_digest", noted)
    return names


@pytest.fixture
def files(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_text(f"content of {name}")
    return [tmp_path / f"{name}.png" for name in ("a", "b", "c")]


def look(files, **options):
    return read_sources(files, files[0].parent / "index.npz", with_levels=False, **options)


def same_names_sizes_and_times(root: Path, first: int) -> Path:
    """Write uncompressed images that differ only in the first one, `first`."""
    for file in class_folders(root, first=first):
        number = int(file.stem)
        place = file.with_name(f"{number - first:03d}.bmp")
        blotches(number).save(place)
        file.unlink()
        os.utime(place, ns=(AGO, AGO))
    return root


# The digests


def test_digests_are_of_the_content_of_the_files(files):
    expected = [sha256(file.read_bytes()).digest() for file in files]

    assert [row.tobytes() for row in look(files).digests] == expected


def test_keys_tell_content_order_and_description_apart(files):
    key = look(files).key(["aptos", "16"], 16)
    assert look(files).key(["aptos", "16"], 16) == key

    others = [look(files).key(["aptos", "17"], 16), look(files[::-1]).key(["aptos", "16"], 16)]
    others.append(look(files[:2]).key(["aptos", "16"], 16))
    files[2].write_text("content of d")
    others.append(look(files).key(["aptos", "16"], 16))
    assert len({key, *others}) == 5


@pytest.mark.usefixtures("settled")
def test_a_second_look_reads_nothing(files, read):
    first = look(files)
    assert sorted(read) == ["a.png", "b.png", "c.png"]
    read.clear()

    assert np.array_equal(look(files).digests, first.digests)
    assert look(files[1:]).key([], 16) == look(files[1:], reread=True).key([], 16)
    assert sorted(read) == ["b.png", "c.png"]  # only anew


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_text("content of B"),
        lambda file: (shutil.copy(file, f"{file}2"), os.replace(f"{file}2", file)),
        lambda file: file.write_text("longer than it was before"),
        lambda file: os.utime(file, ns=(5, 5)),
    ],
    ids=["content in place", "exchanged file", "size", "time"],
)
def test_a_changed_file_alone_is_read_again_though_its_time_was_set_back(files, read, change):
    for file in files:
        os.utime(file, ns=(AGO, AGO))
    look(files)
    read.clear()
    change(files[1])
    os.utime(files[1], ns=(AGO, AGO))

    expected = [sha256(file.read_bytes()).digest() for file in files]
    assert [row.tobytes() for row in look(files).digests] == expected
    assert read == ["b.png"]


def test_a_file_of_this_moment_is_not_trusted_yet(files, read):
    assert TIME_RESOLUTION_NS >= 2 * 10**9  # a tick of the coarsest file systems
    look(files)
    look(files)

    assert len(read) == 6


@pytest.mark.usefixtures("settled")
def test_what_is_known_of_other_files_stays(files, read):
    look(files[:1])
    look(files[1:])
    read.clear()

    look(files)
    assert read == []


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"no archive", "half", "folder"])
def test_a_damaged_index_costs_a_reading_and_nothing_else(files, read, damage):
    expected = look(files).key([], 16)
    index = files[0].parent / "index.npz"
    if damage == "folder":
        index.unlink()
        index.mkdir()
    else:
        index.write_bytes(index.read_bytes()[:200] if damage == "half" else damage)
    read.clear()

    assert look(files).key([], 16) == expected
    assert len(read) == 3


@pytest.mark.usefixtures("settled")
def test_an_index_that_cannot_be_written_is_said_in_the_log(files, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise PermissionError("Permission denied")

    monkeypatch.setattr("aduni.data.cache.source_digests.FileLock", refuse)
    monkeypatch.setattr("aduni.data.cache.source_digests.atomic_write", refuse)
    expected = [sha256(file.read_bytes()).digest() for file in files]

    assert [row.tobytes() for row in look(files).digests] == expected
    assert "3 files cannot be kept" in caplog.text


@pytest.mark.usefixtures("settled")
def test_of_several_that_ask_at_once_one_reads(files, read):
    threads = [threading.Thread(target=look, args=(files,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(read) == ["a.png", "b.png", "c.png"]


def test_times_and_inodes_beyond_64_bits_are_kept(files, monkeypatch):
    times = {"st_mtime_ns": -(2**70), "st_ctime_ns": 2**70 + 1, "st_ino": 2**64 - 1}
    strange = SimpleNamespace(st_mode=files[0].stat().st_mode, st_size=3, **times)
    system = SimpleNamespace(stat=lambda file: strange, path=os.path, fsencode=os.fsencode)
    monkeypatch.setattr(aduni.data.cache.source_digests, "os", system)

    assert look(files).status.shape == (3, 4)


# The caches of data sets


def test_two_data_sets_of_the_same_names_sizes_and_times_share_no_pixels(make_data, tmp_path):
    roots = [same_names_sizes_and_times(tmp_path / str(i) / "skin", 100 * i) for i in (0, 1)]
    status = [
        [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(root.rglob("*.bmp"))]
        for root in roots
    ]
    assert status[0] == status[1]

    first, second = (make_data("folder", root, title="skin") for root in roots)
    first.verify_cache()
    second.verify_cache()
    for data in (first, second):
        for row in (0, 20, 31):
            with Image.open(data.table.files[row]) as image:
                pixels = image.resize((16, 16), Image.Resampling.BILINEAR)
            assert np.array_equal(data.cache.pixels[row], np.asarray(pixels))


def test_a_data_set_that_took_the_place_of_another_is_seen(make_data, tmp_path, settled):
    root = same_names_sizes_and_times(tmp_path / "skin", 0)
    before = np.array(make_data("folder", root, title="skin").cache.pixels)
    root.rename(tmp_path / "old")
    same_names_sizes_and_times(root, 100)

    after = make_data("folder", root, title="skin").cache.pixels
    assert (before != after).any(axis=(1, 2, 3)).all()


def test_a_data_set_that_was_moved_finds_its_cache_without_decoding(make_data, tmp_path):
    class_folders(tmp_path / "skin")
    first = make_data("folder", tmp_path / "skin", title="skin").cache
    shutil.copytree(tmp_path / "skin", tmp_path / "elsewhere" / "skin")
    shutil.rmtree(tmp_path / "skin")

    again = make_data("folder", tmp_path / "elsewhere" / "skin", title="skin")
    again.open_image = None
    assert again.cache == first


def test_an_archive_of_other_images_is_another_source(make_data, tmp_path):
    rng = np.random.default_rng(1)
    first, second = tmp_path / "a", tmp_path / "b"
    archive(first)
    archive(second, train_images=rng.integers(0, 256, (42, 28, 28, 3), dtype=np.uint8))
    pixels = []
    for root in (first, second):
        os.utime(root / "dermamnist.npz", ns=(AGO, AGO))
        data = make_data("medmnist", root, name="dermamnist", title="dermamnist", image_size=28)
        pixels.append(data.cache.pixels)

    assert (pixels[0][:42] != pixels[1][:42]).any(axis=(1, 2, 3)).all()
    assert np.array_equal(pixels[0][42:], pixels[1][42:])


def test_a_picture_that_changes_under_the_builder_leaves_no_cache(files, tmp_path, refusal):
    sources = look(files)

    def open_image(row):
        if row == 2:
            files[0].write_text("something else")
        return Image.new("RGB", (20, 20))

    build = lambda: build_cache(  # noqa: E731
        tmp_path / "c", ["a", "b", "c"], open_image, 16, check=sources.check_unchanged
    )
    refusal(build, files[0], "was changed while the image cache was built")
    assert not (tmp_path / "c").exists()


def test_a_picture_that_was_touched_under_the_builder_is_the_same(files):
    sources = look(files)
    os.utime(files[0], ns=(AGO, AGO))

    sources.check_unchanged()
