"""Shards of an image cache, merged, are the cache that one process builds."""

import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aduni.config.build import build_data
from aduni.data.cache import source_digests
from aduni.data.image_data import ImageData
from aduni.data.shard import Shard, read_shard
from aduni.data.shortcuts.features import measure_shard, shortcut_features
from aduni.errors import UserError
from composing import settings_of
from own_data import blotches, class_folders


@pytest.fixture
def build(tmp_path):
    """Class folders with a near copy, as a data set with a cache folder of the given name."""
    folders = class_folders(tmp_path / "own")
    Image.open(folders[0]).transpose(Image.Transpose.ROTATE_90).save(folders[3].with_suffix(".bmp"))
    numbers = count()

    def make(cache: str = "", *overrides: str) -> ImageData:
        places = (
            f"dataset.root={tmp_path / 'own'}",
            f"dataset.cache_dir={tmp_path / (cache or f'cache{next(numbers)}')}",
        )
        return build_data(
            settings_of("dataset=folder", *places, "dataset.image_size=16", *overrides)
        )

    return make


def build_shards(make, cache: str, numbers: range | list[int], of: int = 4) -> list[Path]:
    folders = []
    for number in numbers:
        data = make(cache)
        folders.append(data.build_shard(Shard(number, of)))
        measure_shard(data, Shard(number, of))
    return folders


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_four_shards_merged_are_the_whole_and_nothing_is_decoded_again(build, monkeypatch, capfd):
    whole = build("whole")
    build_shards(build, "shards", range(1, 5))
    merged = build("shards")
    monkeypatch.setattr(merged, "open_image", lambda row: pytest.fail(f"row {row} is opened"))
    merged.verify_cache()

    assert merged.cache.folder.name == whole.cache.folder.name
    assert content(merged.cache.folder) == content(whole.cache.folder)
    assert merged.cache.originals["near"].duplicated().any()
    for kind in ("border", "thumbnail", "file"):
        assert shortcut_features(merged, kind).equals(shortcut_features(whole, kind))
    assert list(merged.cache_dir.glob("*shard*")) == []
    assert "shard" not in capfd.readouterr().err


def test_shard_reads_its_own_files_alone(build, monkeypatch):
    data = build()
    opened = []
    real = source_digests._digest
    monkeypatch.setattr(
        source_digests, "_digest", lambda file: (opened.append(file), real(file))[1]
    )
    data.build_shard(Shard(2, 4))
    assert set(opened) == set(data.table.files[1::4])


def test_missing_and_damaged_shards_are_named_and_resized(build, capfd):
    whole = build("whole").cache
    folders = build_shards(build, "shards", [1, 2, 4])
    pixels = np.lib.format.open_memmap(folders[1] / "pixels.npy", mode="r+")
    pixels[0, 0, 0, 0] ^= 1
    pixels.flush()
    merged = build("shards").cache

    assert content(merged.folder) == content(whole.folder)
    err = capfd.readouterr().err
    images = len(merged.originals)
    assert f"The {len(range(images)[1::4])} images of shard 2/4 are resized here: the pixels" in err
    assert (
        f"The {len(range(images)[2::4])} images of shard 3/4 are resized here: it is missing" in err
    )
    assert "1/4" not in err


def test_shard_of_a_file_that_changed_since_is_not_merged(build, capfd):
    build_shards(build, "shards", range(1, 3), of=2)
    changed = build("shards").table.files[1]
    blotches(99).save(changed)
    merged = build("shards").cache

    assert content(merged.folder) == content(build("whole").cache.folder)
    assert "shard 2/2 are resized here: it is missing" in capfd.readouterr().err


def test_the_most_complete_division_is_merged(build, monkeypatch, capfd):
    build_shards(build, "shards", [1], of=3)
    build_shards(build, "shards", [1, 2], of=2)
    data = build("shards")
    monkeypatch.setattr(data, "open_image", lambda row: pytest.fail(f"row {row} is opened"))
    assert content(data.cache.folder) == content(build("whole").cache.folder)


def test_finished_shard_is_not_built_again(build, monkeypatch):
    (folder,) = build_shards(build, "shards", [3])
    before = content(folder)
    data = build("shards")
    monkeypatch.setattr(data, "open_image", lambda row: pytest.fail(f"row {row} is opened"))
    assert data.build_shard(Shard(3, 4)) == folder
    assert content(folder) == before


def test_automatic_bit_depth_is_refused(build, tmp_path):
    deep = np.full((16, 16), 1000, dtype=np.uint16)
    file = next((tmp_path / "own").rglob("*.*"))
    shutil.copy(file, file.with_name("first.png"))
    Image.fromarray(deep).save(file.with_name("first.png"))
    data = build("", "dataset.bits=auto")
    number = data.table.files.index(file.with_name("first.png")) % 2 + 1
    with pytest.raises(UserError, match=r"shard=./2 reads only some; set dataset.bits to 8"):
        data.build_shard(Shard(number, 2))


def test_shards_of_images_without_files(make_data, tmp_path):
    data = [make_data("digits") for _ in range(4)]
    for number, each in enumerate(data):
        each.cache_dir = tmp_path / ("whole" if number == 0 else "shards")
    for number in (1, 2):
        data[number].build_shard(Shard(number, 2))
    data[3].open_image = lambda row: pytest.fail(f"row {row} is opened")
    assert content(data[3].cache.folder) == content(data[0].cache.folder)


@pytest.mark.parametrize("value", ["5/4", "0/4", "abc", "4", "1/0", "1/4/2", "-1/4", "1.0/4", ""])
def test_no_shard(value):
    with pytest.raises(ValueError, match=r"is not a shard; write shard=i/n with i from 1 to n"):
        read_shard(value)


def test_shards_share_the_work_out():
    assert read_shard("2/3") == Shard(2, 3)
    dealt = [list(range(8))[Shard(number, 3).every] for number in (1, 2, 3)]
    assert dealt == [[0, 3, 6], [1, 4, 7], [2, 5]]
