"""Splits as others publish them, in each layout, and what leaks in them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.data.image_table import ImageTable
from aduni.data.splits.leaks import leaks
from aduni.data.splits.published import read_published_split
from own_data import table

IMAGES = [f"ISIC_{number:07d}" for number in range(10)]
PARTS = ["train"] * 5 + ["validation"] * 2 + ["test"] * 3


def _one_table(folder: Path) -> list[Path]:
    rows = [f"{image},NV,{part}" for image, part in zip(IMAGES, PARTS, strict=True)]
    (folder / "split.csv").write_text("\n".join(["image,category,fold", *rows]))
    return [folder / "split.csv"]


def _short_names_of_parts(folder: Path) -> list[Path]:
    words = {"train": "TRAIN", "validation": "val", "test": "Test"}
    rows = [f"{words[part]},data/{image}.JPG" for image, part in zip(IMAGES, PARTS, strict=True)]
    (folder / "all.txt").write_text("\n".join(rows) + "\n")
    return [folder / "all.txt"]


def _parts(folder: Path, suffix: str):
    for part, word in (("train", "train"), ("validation", "val"), ("test", "test")):
        names = [image for image, its in zip(IMAGES, PARTS, strict=True) if its == part]
        yield folder / f"ISIC2018_{word}{suffix}", names


def _a_table_a_part(folder: Path) -> list[Path]:
    for file, names in _parts(folder, ".csv"):
        rows = [f"{number},{name}_downsampled,VASC,0" for number, name in enumerate(names)]
        file.write_text("\n".join([",image,category,label", *rows]))
    return [file for file, _ in _parts(folder, ".csv")]


def _a_list_a_part(folder: Path) -> list[Path]:
    for file, names in _parts(folder, "_1.txt"):
        file.write_text("\n".join(f"images\\{name}.jpg 3" for name in names))
    return [file for file, _ in _parts(folder, "_1.txt")]


def _strings_a_part(folder: Path) -> list[Path]:
    for file, names in _parts(folder, "_100.npy"):
        np.save(file, np.array(names))
    return [file for file, _ in _parts(folder, "_100.npy")]


def _rows_of_bytes(folder: Path) -> list[Path]:
    for file, names in _parts(folder, ".npy"):
        np.save(file, np.array([[f"{name}.png", "3"] for name in names], dtype="S"))
    return [file for file, _ in _parts(folder, ".npy")]


LAYOUTS = (
    *(_one_table, _short_names_of_parts, _a_table_a_part, _a_list_a_part),
    *(_strings_a_part, _rows_of_bytes),
)


@pytest.mark.parametrize("images", [IMAGES, [f"train/{image}.png" for image in IMAGES]])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_the_same_parts(layout, images, tmp_path):
    split = read_published_split(layout(tmp_path), images)

    assert split.parts.tolist() == PARTS
    assert split.unknown == []
    assert {part: len(rows) for part, rows in split.rows.items()} == {
        "unused": 0,
        "train": 5,
        "validation": 2,
        "calibration": 0,
        "test": 3,
    }


def test_images_that_are_not_listed_are_unused_and_others_are_counted(tmp_path):
    (tmp_path / "train.txt").write_text("ISIC_0000001\nISIC_7777777\n")
    (tmp_path / "test.txt").write_text("ISIC_0000003\nISIC_0000001\n")
    files = [tmp_path / "train.txt", tmp_path / "test.txt"]
    split = read_published_split(files, IMAGES)

    assert split.parts.tolist() == ["unused", "test", "unused", "test"] + ["unused"] * 6
    assert split.unknown == ["ISIC_7777777"]


def test_equal_names_in_several_folders_are_told_apart_by_their_paths(tmp_path, refusal):
    images = ["a/000.jpg", "a/001.jpg", "b/000.jpg", "c/002.jpg"]
    file = tmp_path / "all.csv"
    file.write_text("a/000.jpg,train\nb\\000.png,test\n001,val\nother/002.jpg,test\n")
    split = read_published_split([file], images)

    assert split.parts.tolist() == ["train", "validation", "test", "test"]
    file.write_text("a/001.jpg,train\n000.jpg,test\n")
    words = "names 000.jpg, which may be a/000.jpg or b/000.jpg; write the paths"
    refusal(lambda: read_published_split([file], images), file, words)
    file.write_text("000,test\n")
    refusal(lambda: read_published_split([file], images), "may be a/000.jpg or b/000.jpg")


@pytest.mark.parametrize(("words", "named"), [("train dev eval", "dev"), ("train - test", "")])
def test_a_word_that_is_no_part_is_refused_whatever_the_files_name(tmp_path, refusal, words, named):
    file = tmp_path / "train.csv"
    words = [word.strip("-") for word in words.split()]
    rows = zip(IMAGES, words, strict=False)
    file.write_text("\n".join(f"{image},{word}" for image, word in rows))
    refusal(lambda: read_published_split([file], IMAGES), file, f"the part '{named}' beside others")


def test_names_that_come_twice_in_one_part_count_once(tmp_path):
    (tmp_path / "train.txt").write_text("ISIC_0000001\nISIC_0000001\nISIC_0000002\n")
    (tmp_path / "test.txt").write_text("ISIC_0000003\n")
    files = [tmp_path / "train.txt", tmp_path / "test.txt"]
    split = read_published_split(files, IMAGES)

    split.check_complete(files, ImageTable(IMAGES, np.zeros(10, dtype=np.int64), ["a"]))
    assert split.rows["train"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("first", "unknown"),
    [("ISIC_7777777", ["ISIC_7777777"]), ("x.jpg", ["x.jpg"]), ("image", []), ("0", [])],
)
def test_an_unknown_first_name_is_no_header(tmp_path, first, unknown):
    (tmp_path / "train.txt").write_text(f"{first}\nISIC_0000001\n")
    assert read_published_split([tmp_path / "train.txt"], IMAGES).unknown == unknown


WRONG = {
    "pickle": ("train.pkl", b"\x80\x04", "is a pickle"),
    "no part": ("list.csv", b"image\nISIC_0000001\n", "no column of parts"),
    "other images": ("train.csv", b"image\n7\n8\n", "names no image of the data set"),
    "empty": ("train.csv", b"", "is empty"),
    "damaged": ("train.npy", b"\x93NUMPY", "cannot be read without pickle"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_split_is_refused(name, tmp_path, refusal):
    file, content, words = WRONG[name]
    (tmp_path / file).write_bytes(content)

    refusal(lambda: read_published_split([tmp_path / file], IMAGES), tmp_path / file, words)


def test_arrays_of_objects_or_numbers_are_refused(tmp_path, refusal):
    file = tmp_path / "train.npy"
    np.save(file, np.array([["a"], None], dtype=object), allow_pickle=True)
    refusal(lambda: read_published_split([file], IMAGES), file, "without pickle")
    np.save(file, np.arange(3))
    refusal(lambda: read_published_split([file], IMAGES), file, "holds no strings")


@pytest.mark.parametrize("part", ["test", "validation"])
def test_leaks_are_what_loops_find(part, tmp_path):
    rng = np.random.default_rng(0)
    images = [f"i{number}" for number in range(60)]
    groups = [str(rng.integers(40)) for _ in images]
    digests = [str(rng.integers(80)) for _ in images]
    near = [digests.index(digest) // 2 for digest in digests]
    parts = rng.choice(["train", "val", "test", "unused"], 60)
    lines = [f"{image},{part}" for image, part in zip(images, parts, strict=True)]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    split = read_published_split([tmp_path / "all.csv"], images)
    labels = np.zeros(60, dtype=np.int64)
    originals = pd.DataFrame({"sha256": digests, "near": near})
    found = leaks(split, ImageTable(images, labels, ["a"], groups), originals, part)

    rows = [row for row in range(60) if parts[row] == part[: len(parts[row])]]
    train = [row for row in range(60) if parts[row] == "train"]
    lesion = [any(groups[one] == groups[other] for other in train) for one in rows]
    exact = [any(digests[one] == digests[other] for other in train) for one in rows]
    close = [any(near[one] == near[other] for other in train) for one in rows]
    close = [n and not e for n, e in zip(close, exact, strict=True)]
    assert found["lesion or patient"].tolist() == lesion
    assert found["exact copy"].tolist() == exact
    assert found["near copy"].tolist() == close
    assert found["any"].tolist() == [any(kinds) for kinds in zip(lesion, exact, close, strict=True)]
    assert 0 < sum(exact) < sum(found["any"]) < len(rows)


@pytest.fixture
def make(make_data, tmp_path):
    """A data set of 24 images, whose published split has patient p0 in training and test."""
    file = table(tmp_path / "own", (12, 12, 0))
    frame = pd.read_csv(file, dtype=str)
    frame.loc[[0, 3], "patient"] = "both"
    frame.to_csv(file, index=False)
    sides = frame[["name", "side"]].rename(columns={"name": "id"})
    sides.to_csv(tmp_path / "published.csv", index=False)
    columns = {"image_column": "name", "label_column": "finding", "group_column": "patient"}

    def make(**rules):
        rules = {"split_file": str(tmp_path / "published.csv"), **rules}
        return make_data("csv", csv=str(file), title="mine", rules=rules, **columns)

    return make


CAVEAT = (
    "1 of 6 test images (16.7 %) have their lesion, patient or a copy in training (split of "
    "published.csv)"
)


def test_a_published_split_is_used_as_it_is_with_a_caveat(make):
    data = make()

    sides = {"0": "train", "1": "train", "2": "validation", "3": "test"}
    assert data.parts.tolist() == [sides[str(number % 4)] for number in range(24)]
    assert data.caveat == CAVEAT
    optimistic = make(validation_fraction=0.0, caveat="selected on test")
    assert optimistic.parts.tolist() == ["train", "train", "train", "test"] * 6
    assert optimistic.caveat == f"selected on test; {CAVEAT}"


def test_a_run_goes_on_with_its_own_copy_of_the_split(make, tmp_path, refusal):
    before = make()
    before.split.to_csv(tmp_path / "split.csv", index=False)
    again = make(split_file=str(tmp_path / "split.csv"), caveat=before.caveat)

    assert again.split_hash == before.split_hash
    assert again.caveat == CAVEAT
    refusal(lambda: make(split_file=str(tmp_path / "split.csv")).parts, "on two sides")


def test_a_split_that_cannot_be_used_as_it_is_is_refused(make, tmp_path, refusal):
    file = tmp_path / "published.csv"
    whole = file.read_text()
    file.write_text(f"{whole}pictures/999,test\n")
    refusal(lambda: make().parts, "lists 1 images that the data set lacks", "pictures/999")
    file.write_text(f"{whole}pictures/000,test\n")
    refusal(lambda: make().parts, "lists 1 images in several parts", "pictures/000")
