"""Rows find their files, or an error suggests similar ones; each folder is listed once."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import composing  # noqa: F401  registers the resolver of titles
from own_data import blotches, table


@pytest.fixture
def make(make_data, tmp_path):
    """Make the data set of files in tmp_path/own whose table has the given names."""

    def call(names, root=""):
        lines = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(names)]
        csv = tmp_path / "own" / "t.csv"
        csv.write_text("\n".join(["image,label", *lines]), encoding="utf-8")
        return make_data("csv", root and tmp_path / "own" / root, csv=str(csv), title="mine")

    return call


@pytest.fixture
def files(tmp_path):
    """Make files below tmp_path/own."""

    def call(*names):
        for name in names:
            file = tmp_path / "own" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
        return [tmp_path / "own" / name for name in names]

    return call


@pytest.mark.parametrize("rows", [30, 300])
def test_a_folder_is_listed_once_whatever_the_number_of_rows(make, files, monkeypatch, rows):
    names = [f"part{i % 3}/{i:03d}" for i in range(rows)]
    expected = files(*(f"{name}.png" for name in names))
    listing, counted = os.scandir, Counter()

    def scandir(path="."):
        counted[str(path)] += 1
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "listdir", lambda path: pytest.fail("a second way to list"))
    assert make(names).table.files == expected
    assert sorted(counted.values()) == [1, 1, 1]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("suffix", [".png", ""])
def test_accents_count_as_equal_however_they_are_composed(make, files, on_disk, written, suffix):
    plain = ["Läsionen/é0", "Läsionen/é1"]
    expected = files(*(unicodedata.normalize(on_disk, f"{name}.png") for name in plain))
    names = [unicodedata.normalize(written, f"{name}{suffix}") for name in plain]

    assert make(names).table.files == expected


def test_of_two_compositions_the_one_that_is_written_is_meant(make, files):
    names = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    expected = files(*names)

    assert make(names).table.files == expected


def test_a_name_without_suffix_finds_it_in_any_capitals(make, files):
    expected = files("a.Jpeg", "b.PNG", "c.d.tif")

    assert make(["a", "b", "c.d"]).table.files == expected


INSTEAD = {
    "backslashes": (["img\\a.png", "img\\b.png"], "found as img/a.png: write / between"),
    "Windows": (["C:\\scans\\img\\a.png", "img/b"], "1 of the files lie in img"),
    "slash": (["/img/a.png", "img/b"], "found as img/a.png: write no /"),
    "suffix": (["img/a.jpg", "img/b.jpg"], "2 found under a name like img/a.png: write"),
    "capitals": (["img/A.png", "img/b.PNG"], "2 found under a name like img/a.png: write"),
    "no folder": (["a.png", "b"], "2 of the files lie in img: set dataset.root to that folder"),
    "capitals of the folder": (["IMG/a.png", "IMG/b.png"], "2 of the files lie in img"),
    "two folders": (
        ["c", "e"],
        "2 of the files lie in one and two: put the files into one folder, or write the folder",
    ),
    "nothing": (["x", "y"], "2 of 2 rows of", "first x; set dataset.root to the folder that"),
    "some": (["img/a", "x"], "1 of 2 rows of", "first x; set dataset.root"),
    "empty root": (["\\", "img/b"], "no file for 1 of 2 rows"),
}


@pytest.mark.parametrize("case", INSTEAD)
def test_a_sentence_says_what_is_there_instead(make, files, refusal, case):
    files("img/a.png", "img/b.png", "one/c.png", "two/e.png")
    names, *words = INSTEAD[case]

    refusal(lambda: make(names).table, *words)


def test_of_two_files_of_one_name_none_is_guessed(make, files, refusal):
    files("img/0.png", "img/0.jpg", "img/1.png")

    refusal(lambda: make(["img/0", "img/1"]).table, "image img/0, which may be 0.jpg or 0.png")
    assert len(make(["img/0.png", "img/0.jpg", "img/1"]).table.files) == 3


def test_pixels_are_those_of_the_file_that_is_found(make, tmp_path):
    table(tmp_path / "own")
    blotches(77).save(tmp_path / "own" / unicodedata.normalize("NFD", "Läsion.png"))
    data = make(["Läsion.png", "pictures/003"])

    assert np.array_equal(np.asarray(data.open_image(0)), np.asarray(blotches(77)))


def test_a_folder_that_cannot_be_listed_is_named(make, files, monkeypatch, refusal):
    files("img/a.png", "img/b.png")
    listing = os.scandir

    def scandir(path):  # root may list every folder
        if Path(path).name == "img":
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    refusal(lambda: make(["img/a", "img/b"]).table, "own/img cannot be read (Permission denied)")
