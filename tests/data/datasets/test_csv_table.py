"""dataset=csv reads images named in a table."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import composing  # noqa: F401  registers the resolver of titles
from aduni.auditing.warnings import ungrouped
from own_data import CLASSES, blotches, table

COLUMNS = {"image_column": "name", "label_column": "finding"}


@pytest.fixture
def make(make_data, tmp_path):
    """Make the data set of tmp_path/own/labels.csv, with some settings changed."""
    return partial(
        make_data, "csv", csv=str(tmp_path / "own" / "labels.csv"), title="mine", **COLUMNS
    )


@pytest.fixture
def rows(tmp_path):
    """Rewrite the table by a function of its frame."""
    file = table(tmp_path / "own")
    frame = pd.read_csv(file, dtype=str)

    def write(change):
        change(frame).to_csv(file, index=False)
        return frame

    return write


def test_rows_are_those_of_the_table(make, rows, tmp_path):
    frame = rows(lambda frame: frame.sample(frac=1, random_state=0))
    frame = pd.read_csv(tmp_path / "own" / "labels.csv", dtype=str)
    read = make().table

    assert read.images == frame["name"].tolist()
    assert [read.class_names[label] for label in read.labels] == frame["finding"].tolist()
    assert read.class_names == list(CLASSES)
    assert read.files == [tmp_path / "own" / f"{name}.png" for name in frame["name"]]
    assert read.groups is None
    assert read.parts is None


@pytest.mark.parametrize(
    "written", ["pictures/000", "./pictures/000", "pictures/000.png", "ABSOLUTE"]
)
def test_a_path_may_have_its_suffix_and_be_absolute(make, rows, tmp_path, written):
    name = written.replace("ABSOLUTE", str(tmp_path / "own" / "pictures" / "000.png"))
    rows(lambda frame: frame.assign(name=[name, *frame["name"][1:]]))

    assert make().table.files[0] == tmp_path / "own" / "pictures" / "000.png"


def test_paths_are_below_the_root(make, rows, make_data, tmp_path):
    rows(lambda frame: frame.assign(name=frame["name"].str.removeprefix("pictures/")))

    csv = str(tmp_path / "own" / "labels.csv")
    data = make_data("csv", tmp_path / "own" / "pictures", csv=csv, title="mine", **COLUMNS)
    assert data.table.files[3] == tmp_path / "own" / "pictures" / "003.png"


def test_a_moved_data_set_is_found_by_its_root_alone(make, rows, make_data, tmp_path):
    rows(lambda frame: frame)
    before = make().split_hash
    (tmp_path / "own").rename(tmp_path / "moved")

    csv = str(tmp_path / "own" / "labels.csv")
    data = make_data("csv", tmp_path / "moved", csv=csv, title="mine", **COLUMNS)
    assert data.split_hash == before


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (["2", "10", "0"], ["0", "2", "10"]),
        (["2.0", "10", "0.0"], ["0", "2", "10"]),
        (["-1", "1", "+0"], ["-1", "0", "1"]),
        (["2", "10", "x"], ["10", "2", "x"]),
        (["1.5", "0", "2"], ["0", "1.5", "2"]),
        ([" b", "a ", "C"], ["C", "a", "b"]),
    ],
)
def test_classes_are_in_the_order_of_numbers_or_texts(make, rows, written, names):
    new = dict(zip(CLASSES, written, strict=True))
    rows(lambda frame: frame.assign(finding=frame["finding"].map(new)))
    read = make().table

    assert read.class_names == names
    sizes = dict(zip([str(name).strip() for name in written], [15, 9, 8], strict=True))
    plain = {
        str(int(float(k))) if all(n.lstrip("-").isdigit() for n in names) else k: v
        for k, v in sizes.items()
    }
    assert dict(zip(read.class_names, read.class_counts.tolist(), strict=True)) == plain


def test_groups_and_copies_stay_on_one_side(make, rows, tmp_path):
    # Two photographs a patient, except for the last two, who have no number; one copied picture.
    rows(lambda frame: frame.assign(patient=[f"p{i // 2}" if i < 30 else "" for i in range(32)]))
    pictures = tmp_path / "own" / "pictures"
    (pictures / "012.png").write_bytes((pictures / "000.png").read_bytes())
    data = make(group_column="patient", rules={"folds": 2, "validation_fraction": 0.5})
    groups, parts = data.groups, data.parts

    expected = [i // 2 for i in range(30)] + [100, 101]
    expected = [0 if number == 6 else number for number in expected]
    same = np.equal.outer(expected, expected)
    assert np.array_equal(np.equal.outer(groups, groups), same)
    assert all(len(set(parts[groups == number])) == 1 for number in set(groups))


def test_a_split_column_is_the_split(make, rows):
    frame = rows(lambda frame: frame.assign(side=frame["side"].str.upper()))
    data = make(split_column="side")

    named = {"train": "train", "val": "validation", "test": "test"}
    assert data.parts.tolist() == [named[side] for side in frame["side"]]


def _cell(column, row, value):
    def change(frame):
        frame = frame.copy()
        frame.loc[row, column] = value
        return frame

    return change


SAME = _cell("finding", 0, "benign")

MISTAKES = {
    "a mistyped label column": (
        SAME,
        {"label_column": "findng"},
        ["dataset.label_column=findng", "did you mean finding?", "name, finding, patient, side"],
    ),
    "an unknown image column": (SAME, {"image_column": "image"}, ["dataset.image_column=image"]),
    "an unknown group column": (SAME, {"group_column": "lesion"}, ["dataset.group_column=lesion"]),
    "an unknown split column": (SAME, {"split_column": "part"}, ["dataset.split_column=part"]),
    "a column twice": (
        lambda frame: frame.set_axis(["name", "finding", "finding", "side"], axis=1),
        {},
        ["dataset.label_column=finding", "several columns"],
    ),
    "no rows": (lambda frame: frame[:0], {}, ["labels.csv has no rows", "dataset.csv"]),
    "no label": (_cell("finding", 3, " "), {}, ["1 rows without a finding", "pictures/003"]),
    "no side": (_cell("side", 3, ""), {"split_column": "side"}, ["without a side", "pictures/003"]),
    "an unknown side": (_cell("side", 3, "dev"), {"split_column": "side"}, ["the part 'dev'"]),
    "no path": (_cell("name", 3, " "), {}, ["the image ' '", "not a path"]),
    "a line end": (_cell("name", 3, "a\nb"), {}, [r"the image 'a\nb'", "not a path"]),
    "the root itself": (_cell("name", 3, "."), {}, ["the image .", "outside of dataset.root"]),
    "a path that leaves": (_cell("name", 3, "../a"), {}, ["../a", "outside of dataset.root"]),
    "a path that leaves by and by": (
        _cell("name", 3, "pictures/../../own2/a.png"),
        {},
        ["outside of dataset.root"],
    ),
    "an absolute path elsewhere": (_cell("name", 3, "/etc/passwd"), {}, ["/etc/passwd", "outside"]),
    "a missing file": (_cell("name", 3, "pictures/x"), {}, ["1 of 32 rows", "first pictures/x"]),
    "a file twice": (
        _cell("name", 3, "pictures/004.png"),
        {},
        ["two rows for one file", "pictures/004.png and pictures/004"],
    ),
    "one class": (
        lambda frame: frame.assign(finding="benign"),
        {},
        ["mine has one class only, benign"],
    ),
    "an unprintable class": (_cell("finding", 3, "a\x1b[2J"), {}, [r"a class named 'a\x1b[2J'"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(make, rows, refusal, mistake):
    change, settings, words = MISTAKES[mistake]
    rows(change)

    refusal(lambda: make(**settings).table, *words)


def test_the_table_must_be_given_and_be_there(make, refusal, tmp_path):
    refusal(lambda: make(csv=None), "dataset.csv is missing")
    refusal(
        lambda: make(csv=str(tmp_path / "none.csv")).table, "none.csv is missing", "dataset.csv"
    )
    refusal(lambda: make(csv=str(tmp_path)).table, "a folder, not a table")


def test_a_root_that_is_no_folder_is_refused(make_data, rows, refusal, tmp_path):
    csv = str(tmp_path / "own" / "labels.csv")
    rows(SAME)
    data = make_data("csv", tmp_path / "none", csv=csv, title="mine", **COLUMNS)

    refusal(lambda: data.table, "none is not a folder", "dataset.root")


def test_links_may_lead_elsewhere(make, rows, tmp_path):
    # Who lays out a data set may keep it on another disk.
    rows(SAME)
    blotches(77).save(tmp_path / "elsewhere.png")
    place = tmp_path / "own" / "pictures" / "003.png"
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere.png")

    assert np.array_equal(np.asarray(make().open_image(3)), np.asarray(blotches(77)))


def test_a_declared_order_or_numbers_make_grades_of_labels(make, rows):
    rows(lambda frame: frame)
    assert not make().table.is_ordinal
    assert make(classes=["unclear", "benign", "malignant"]).table.is_ordinal
    numbers = dict(zip(CLASSES, ["02", "01", "10"], strict=True))
    rows(lambda frame: frame.assign(finding=frame["finding"].map(numbers)))
    assert make().table.is_ordinal
    assert make(classes=["02", "01", "10"]).table.class_names == ["2", "1", "10"]


def test_no_alphabetical_order_becomes_one_of_grades(make, rows, refusal):
    rows(lambda frame: frame)
    order = "set dataset.classes=[benign,malignant,unclear], the lowest grade first"
    refusal(lambda: make(ordinal=True).table, "alphabetical order", order)
    assert make(ordinal=True, classes=["unclear", "benign", "malignant"]).table.is_ordinal
    numbers = dict(zip(CLASSES, ["02", "01", "10"], strict=True))
    rows(lambda frame: frame.assign(finding=frame["finding"].map(numbers)))
    assert make(ordinal=True).table.is_ordinal


def test_columns_may_have_names_that_are_values(make, rows):
    names = {"name": "NA", "finding": "None", "patient": "nan", "side": "True"}
    rows(lambda frame: frame.rename(columns=names))
    data = make(image_column="NA", label_column="None", group_column="nan", split_column="true")
    assert len(data.table.images) == 32
    assert data.table.groups is not None
    assert data.table.parts is not None


@pytest.mark.parametrize(
    ("column", "cells", "found"),
    [
        ("patient", "a a b c", True),
        ("Patient ID", "a a b c", True),
        ("lesion_id", "a a b c", True),
        ("patient", "a b c d", False),  # one image each
        ("patient", "a a a a", False),
        ("patient", "a - - -", False),  # missing ones are not one patient
        ("outpatient", "a a b c", False),
        ("age", "4 4 5 6", False),
    ],
)
def test_a_column_of_patients_that_is_not_used_is_noticed(make, rows, column, cells, found):
    values = cells.split()
    frame = rows(lambda frame: frame.assign(**{column: np.resize(values, len(frame))}))
    if cells == "a b c d":
        rows(lambda _: frame.assign(**{column: [f"p{i}" for i in range(len(frame))]}))
    assert make().table.unused_groups == (column if found else None)
    assert make(metadata_columns=[column]).table.unused_groups == (column if found else None)
    assert make(group_column=column).table.unused_groups is None
    warning = ungrouped(make().table)
    assert (f"dataset.group_column={column}" in warning) if found else warning is None


def test_labels_are_no_groups(make, rows):
    rows(lambda frame: frame.assign(case=np.resize(["yes", "no"], len(frame))))
    assert make(label_column="case").table.unused_groups is None
