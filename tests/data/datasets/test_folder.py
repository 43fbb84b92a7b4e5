"""dataset=folder reads class folders, below train, val and test or without them."""

import errno
import os
import shutil
from collections import Counter
from functools import partial

import numpy as np
import pytest
from PIL import Image

import composing  # noqa: F401  registers the resolver of titles
from own_data import CLASSES, SIZES, blotches, class_folders


@pytest.fixture
def make(make_data, tmp_path):
    """Make the data set in tmp_path/own, with some settings changed."""
    return partial(make_data, "folder", tmp_path / "own", title="mine")


def test_rows_are_the_files_below_each_class(make, tmp_path):
    root = tmp_path / "own"
    files = class_folders(root)
    (root / "benign" / "deeper").mkdir()
    blotches(99).save(root / "benign" / "deeper" / "LAST.JPG")
    (root / "benign" / "notes.txt").write_text("no image")
    (root / "benign" / ".hidden.png").write_bytes(files[0].read_bytes())
    (root / ".git").mkdir()
    table = make().table

    expected = {file.relative_to(root).as_posix(): file.parent.name for file in files}
    expected["benign/deeper/LAST.JPG"] = "benign"
    names = [table.class_names[label] for label in table.labels]
    assert dict(zip(table.images, names, strict=True)) == expected
    assert table.files == [root / image for image in table.images]
    assert table.parts is None
    assert table.groups is None


def test_pixels_are_those_of_the_rows_file(make, tmp_path):
    class_folders(tmp_path / "own")
    data = make()

    for row in (0, 20, 31):
        with Image.open(data.table.files[row]) as image:
            expected = image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)
        assert np.array_equal(data.cache.pixels[row], np.asarray(expected))


def test_folders_named_by_numbers_are_ordered_by_size(make, tmp_path):
    for name in ("0", "2", "10"):
        (tmp_path / "own" / name).mkdir(parents=True)
        blotches(int(name)).save(tmp_path / "own" / name / "a.png")

    assert make().table.class_names == ["0", "2", "10"]


def test_an_order_of_classes_is_kept_and_checked(make, tmp_path, refusal):
    class_folders(tmp_path / "own")
    order = ["unclear", "benign", "malignant"]

    table = make(classes=order).table
    assert table.class_names == order
    assert table.class_counts.tolist() == [8, 15, 9]
    mistyped = make(classes=["unclear", "bening", "malignant"])
    refusal(lambda: mistyped.table, "benign", "dataset.classes", "did you mean bening?")
    refusal(lambda: make(classes=[*order, "rare"]).table, "dataset.classes names rare")


def test_part_folders_are_a_split(make, tmp_path):
    root = tmp_path / "own"
    for number, part in enumerate(("Training", "valid", "test")):
        class_folders(root / part, first=100 * number)
    table = make().table

    assert Counter(table.parts.tolist()) == dict.fromkeys(["train", "validation", "test"], 32)
    places = [image.split("/")[0] for image in table.images]
    named = {"Training": "train", "valid": "validation", "test": "test"}
    assert [named[place] for place in places] == table.parts.tolist()
    assert table.class_names == list(CLASSES)


def test_copies_stand_on_one_side_of_own_folds(make, tmp_path):
    files = class_folders(tmp_path / "own")
    for number, file in enumerate(files[:4]):
        shutil.copy(file, tmp_path / "own" / "benign" / f"copy{number}.png")
    frame = make().split.set_index("image")

    for number, file in enumerate(files[:4]):
        one, other = f"benign/{file.name}", f"benign/copy{number}.png"
        assert (
            frame.loc[one, ["group", "part"]].tolist()
            == frame.loc[other, ["group", "part"]].tolist()
        )


def test_links_are_followed_and_real_folders_come_first(make, tmp_path):
    root, store = tmp_path / "own", tmp_path / "store"
    class_folders(root)
    class_folders(store, first=100)
    (root / "benign" / "a").symlink_to(store / "benign")
    (root / "benign" / "b").symlink_to(root / "benign")
    (store / "benign" / "up").symlink_to(tmp_path)
    (root / "second").symlink_to(store / "unclear")
    table = make().table

    assert Counter(table.class_names[label] for label in table.labels) == {
        "benign": 30,
        "malignant": 9,
        "unclear": 8,
        "second": 8,
    }
    assert table.images[:2] == ["benign/000.png", "benign/001.png"]
    assert table.images[15] == "benign/a/100.png"
    assert table.passed_over == {"link(s) back to a folder already read": 2}


def test_two_names_of_one_folder_are_read_once(make, tmp_path):
    class_folders(tmp_path / "own")
    (tmp_path / "own" / "benign" / "z").mkdir()
    blotches(99).save(tmp_path / "own" / "benign" / "z" / "last.png")
    (tmp_path / "own" / "benign" / "a").symlink_to("z")
    table = make().table

    assert [image for image in table.images if "last" in image] == ["benign/z/last.png"]
    assert sum(table.passed_over.values()) == 1


def test_files_of_other_kinds_are_counted_at_every_level(make, tmp_path):
    root = tmp_path / "own"
    for number, part in enumerate(("train", "val", "test")):
        class_folders(root / part, first=100 * number)
    for name in ("README.txt", "train/loose.png", "val/benign/x.PSD", "val/benign/y.psd"):
        (root / name).write_bytes(b"")
    (root / "train" / "benign" / "Thumbs.db").write_bytes(b"")

    expected = {".psd": 2, ".txt": 1, "image(s) beside the class folders": 1}
    assert make().table.passed_over == expected


UNREADABLE = ("lost", "benign/lost", "benign/lost.png", "benign/deep/lost.jpg", "train")


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("kind", ["dangling link", "pipe"])
def test_what_cannot_be_read_is_refused_by_name(make, refusal, tmp_path, name, kind):
    class_folders(tmp_path / "own")
    (tmp_path / "own" / "benign" / "deep").mkdir()
    place = tmp_path / "own" / name
    place.symlink_to("nowhere") if kind == "dangling link" else os.mkfifo(place)

    why = "its link leads nowhere" if kind == "dangling link" else "it is a pipe"
    refusal(lambda: make().table, f"own/{name} cannot be read ({why})")


@pytest.mark.parametrize("name", ["benign", "benign/sub"])
def test_a_folder_without_permission_is_refused_by_name(make, refusal, tmp_path, monkeypatch, name):
    class_folders(tmp_path / "own")
    (tmp_path / "own" / "benign" / "sub").mkdir()
    listing = os.scandir

    def scandir(path):  # root may list every folder
        if str(path).endswith(f"own/{name}"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    refusal(lambda: make().table, f"own/{name} cannot be read (Permission denied)")


def test_a_name_that_is_not_utf_8_is_refused(make, refusal, tmp_path):
    files = class_folders(tmp_path / "own")
    files[0].rename(files[0].with_name("caf\udce9.png"))

    refusal(lambda: make().table, r"caf\xe9.png has a name that is not UTF-8")


def _nothing(root):
    root.mkdir()


def _loose(root):
    root.mkdir()
    blotches(0).save(root / "a.png")


def _empty_class(root):
    class_folders(root)
    (root / "rare").mkdir()


def _one_class(root):
    class_folders(root, (12, 0, 0))
    (root / "malignant").rmdir()
    (root / "unclear").rmdir()


def _class_beside_train(root):
    class_folders(root / "train")
    class_folders(root)


def _twin_inside(root):
    for part in ("train", "test"):
        class_folders(root / part)
        class_folders(root / "own" / part)


def _no_test(root):
    class_folders(root / "train")
    class_folders(root / "val", first=50)


def _tiny(root):
    class_folders(root)
    Image.new("RGB", (7, 40)).save(root / "benign" / "tiny.png")


MISTAKES = {
    "missing": (lambda root: None, ["dataset.root=", "own is missing"]),
    "a file": (lambda root: root.write_text(""), ["dataset.root=", "own is not a folder"]),
    "nothing": (_nothing, ["own has no images"]),
    "loose images": (_loose, ["own has no folder of a class"]),
    "an empty class": (_empty_class, ["own/rare holds no image"]),
    "one class": (_one_class, ["mine has one class only, benign"]),
    "a class beside train": (_class_beside_train, ["has a folder benign beside train"]),
    "itself once more": (_twin_inside, ["own beside train, which holds the data set once more"]),
    "no test part": (_no_test, ["mine has no test part", "dataset.split=ignore"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(make, refusal, tmp_path, mistake):
    lay_out, words = MISTAKES[mistake]
    lay_out(tmp_path / "own")

    refusal(lambda: make().table, *words)


def test_a_tiny_image_is_refused_by_name(make, refusal, tmp_path):
    _tiny(tmp_path / "own")

    refusal(lambda: make().cache, "benign/tiny.png is 7 x 40 pixels", "8 x 8 or more")


def test_a_class_with_fewer_images_than_folds_needs_is_named(make, refusal, tmp_path):
    class_folders(tmp_path / "own", (15, 9, 6))

    refusal(lambda: make().parts, "Class unclear has 6 independent images", "7 are needed")
    class_folders(tmp_path / "own", SIZES)
    assert set(make().parts) == {"train", "validation", "test"}


def test_a_declared_order_makes_grades_of_names(make, tmp_path):
    class_folders(tmp_path / "own")
    assert not make().table.is_ordinal
    declared = make(classes=["unclear", "benign", "malignant"]).table
    assert declared.is_ordinal
    assert declared.class_names == ["unclear", "benign", "malignant"]
