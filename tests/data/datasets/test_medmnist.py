"""dataset=medmnist reads the official archives without executing anything."""

import ast
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import composing  # registers the resolver of titles
from own_data import archive


@pytest.fixture
def make(make_data, tmp_path):
    """Make the data set in tmp_path/own, with some settings changed."""
    return partial(make_data, "medmnist", tmp_path / "own", title="mine", image_size=28)


def test_rows_classes_and_parts_are_the_archives(make, tmp_path):
    with np.load(archive(tmp_path / "own")) as arrays:
        labels = np.concatenate(
            [arrays[f"{part}_labels"][:, 0] for part in ("train", "val", "test")]
        )
        pixels = np.concatenate([arrays[f"{part}_images"] for part in ("train", "val", "test")])
    data = make()

    assert data.table.labels.tolist() == labels.tolist()
    assert data.table.class_names[4] == "melanoma"
    assert data.parts.tolist() == ["train"] * 42 + ["validation"] * 21 + ["test"] * 28
    assert data.table.images[42] == "val_000000"
    assert np.array_equal(data.cache.pixels, pixels)


def test_grey_levels_become_colours(make, tmp_path):
    rng = np.random.default_rng(1)
    grey = {
        f"{part}_images": rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        for part, size in (("train", 12), ("val", 6), ("test", 8))
    }
    archive(tmp_path / "own", "breastmnist", 2, **grey)

    assert np.array_equal(make(name="breastmnist").cache.pixels[13][:, :, 2], grey["val_images"][1])


def test_another_archive_is_another_cache(make, tmp_path):
    file = archive(tmp_path / "own")
    first = make().cache
    before = first.pixels[0].copy()
    archive(tmp_path / "own", train_images=np.zeros((42, 28, 28, 3), dtype=np.uint8))
    os.utime(file, ns=(1, 1))

    assert make().cache.folder != first.folder
    assert not make().cache.pixels[0].any()
    assert before.any()


def test_copies_of_test_images_are_left_out_or_refused(make, tmp_path, refusal):
    with np.load(archive(tmp_path / "own")) as arrays:
        train, test = arrays["train_images"], arrays["test_images"]
    train[5] = test[9]
    archive(tmp_path / "own", train_images=train)

    # What conf/dataset/medmnist.yaml chooses: the published test part is kept whole.
    parts = make().parts
    assert parts[5] == "unused"
    assert (parts[63:] == "test").all()
    refusal(lambda: make(split="given").parts, "first train_000005 (train) and test_000009 (test)")
    assert set(make(split="ignore").parts) == {"train", "validation", "test"}


def test_the_size_of_the_images_names_the_archive(make, tmp_path):
    assert make(size=64).file == tmp_path / "own" / "dermamnist_64.npz"
    assert make().file == tmp_path / "own" / "dermamnist.npz"


NAMES = {
    "dermamnst": ["dataset.name=dermamnst is no data set", "did you mean dermamnist?"],
    "chestmnist": ["dataset.name=chestmnist has several labels", "choose one of pathmnist"],
    "organmnist3d": ["dataset.name=organmnist3d has solid images"],
}


@pytest.mark.parametrize("name", NAMES)
def test_other_data_sets_are_refused(make, refusal, name):
    refusal(lambda: make(name=name), *NAMES[name])


BROKEN = {
    "labels of several columns": {"val_labels": np.zeros((21, 2), dtype=np.uint8)},
    "labels that are no classes": {"val_labels": np.full((21, 1), 7, dtype=np.uint8)},
    "labels that are objects": {"val_labels": np.array([[None]] * 21)},
    "too few images": {"val_images": np.zeros((20, 28, 28, 3), dtype=np.uint8)},
    "solid images": {"val_images": np.zeros((21, 28, 28, 28), dtype=np.uint8)},
    "images in fractions": {"val_images": np.zeros((21, 28, 28, 3))},
}


@pytest.mark.parametrize("fault", BROKEN)
def test_an_archive_of_another_kind_is_refused(make, tmp_path, refusal, fault):
    archive(tmp_path / "own", **BROKEN[fault])

    refusal(lambda: make().cache, "dermamnist.npz is not a whole archive", "remove it")


class _Touch:
    """Object that creates a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_nothing_in_an_archive_is_executed(make, tmp_path, refusal):
    planted = np.array([[_Touch(tmp_path / "executed")]], dtype=object)
    archive(tmp_path / "own", train_labels=planted)

    refusal(lambda: make().table, "dermamnist.npz is not a whole archive")
    assert not (tmp_path / "executed").exists()


def test_a_cut_archive_is_refused(make, tmp_path, refusal):
    file = archive(tmp_path / "own")
    file.write_bytes(file.read_bytes()[:-200])

    refusal(lambda: make().table, "dermamnist.npz is not a whole archive")


def test_a_failed_download_says_what_to_put_where(make, tmp_path, refusal, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    refusal(lambda: make().table, "dermamnist cannot be fetched", "zenodo.org", "as dermamnist.npz")

    left = [entry.name for entry in (tmp_path / "own").iterdir()]
    assert left == [".download.lock"]


def test_the_package_is_imported_only_when_it_is_asked_for():
    # It takes seconds.
    source = (composing.CONF.parent / "src" / "aduni" / "data/datasets/medmnist.py").read_text()
    at_once = [node for node in ast.parse(source).body if isinstance(node, ast.Import)]
    assert not [name for node in at_once for name in node.names if name.name == "medmnist"]
    assert "from medmnist" not in [line[:13] for line in source.splitlines()]


def test_grades_are_those_that_the_package_calls_so(make, tmp_path):
    archive(tmp_path / "own")
    archive(tmp_path / "own", "retinamnist", classes=5)
    assert not make().table.is_ordinal
    assert make(name="retinamnist").table.is_ordinal
