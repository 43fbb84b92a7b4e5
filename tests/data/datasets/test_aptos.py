"""APTOS 2019 is read in its official layout, and refused when damaged."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

FIRST = "000012345678,0"


def test_table_has_images_grades_and_files_of_the_official_layout(aptos, make_data):
    table = make_data("aptos", aptos.root).table

    assert table.class_names == ["no DR", "mild", "moderate", "severe", "proliferative"]
    assert table.images[:2] == ["000012345678", "00018f6ad8d7"]
    assert table.labels.tolist() == [grade for grade in range(5) for _ in range(10)]
    assert table.labels.dtype == np.int64
    assert table.groups is None


def test_photographs_may_be_png_as_published_or_jpg(aptos, make_data):
    files = make_data("aptos", aptos.root).table.files

    folder = aptos.root / "train_images"
    assert files[:3] == [
        folder / "000012345678.png",
        folder / "00018f6ad8d7.jpg",
        folder / "00028f6ad8d7.png",
    ]


def test_grades_that_a_spreadsheet_wrote_as_fractions_are_the_grades(aptos, make_data):
    frame = pd.read_csv(aptos.table, dtype=str)
    frame.assign(diagnosis=frame["diagnosis"] + ".0").to_csv(aptos.table, index=False)

    labels = make_data("aptos", aptos.root).table.labels
    assert labels.tolist() == [grade for grade in range(5) for _ in range(10)]


def test_photographs_of_2015_may_stand_beside_them(aptos, make_data):
    for side in ("left", "right"):
        Image.new("RGB", (30, 20)).save(aptos.images / f"10_{side}.jpeg")
    aptos.table.write_text(f"{aptos.table.read_text()}10_left,2\n10_right,3.0\n")
    table = make_data("aptos", aptos.root).table

    assert table.files[-2:] == [aptos.images / "10_left.jpeg", aptos.images / "10_right.jpeg"]
    assert table.labels[-2:].tolist() == [2, 3]


def test_photographs_of_any_size_become_squares_of_one_size(aptos, make_data):
    cache = make_data("aptos", aptos.root, image_size=24).cache

    sizes = [(40 + i, 90 - i) for i in range(50)]
    sizes[44] = sizes[34]  # a copy of that picture
    assert list(zip(cache.originals["width"], cache.originals["height"], strict=True)) == sizes
    assert cache.pixels.shape == (50, 24, 24, 3)


def test_copies_of_a_picture_share_a_group_though_their_grades_differ(aptos, make_data):
    groups = make_data("aptos", aptos.root).groups

    assert groups[34] == groups[44]
    assert len(set(groups)) == 49


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("diagnosis", "level", "'diagnosis'"),
        ("id_code", "id", "'id_code'"),
        (FIRST, "000012345678,5", "'5'"),
        (FIRST, "000012345678,-1", "'-1'"),
        (FIRST, "000012345678,0.5", "'0.5'"),
        (FIRST, "000012345678,5.0", "'5.0'"),
        (FIRST, "000012345678,mild", "'mild'"),
        (FIRST, "000012345678,", "000012345678"),
        (FIRST, "000012345678", "000012345678"),
        (FIRST, "00018f6ad8d7,0", "2 rows for 00018f6ad8d7"),
        (FIRST, "caf\udce9,0", "train.csv"),
    ],
    ids=["labels", "ids", "5", "-1", "0.5", "5.0", "word", "empty", "short", "twice", "not UTF-8"],
)
def test_damaged_table_is_refused(aptos, make_data, refusal, old, new, words):
    text = aptos.table.read_text().replace(old, new, 1)
    aptos.table.write_text(text, errors="surrogateescape")

    refusal(make_data("aptos", aptos.root).prepare_data, aptos.table, words)


def test_missing_root_is_named_with_the_way_to_get_the_data(tmp_path, make_data, refusal):
    data = make_data("aptos", tmp_path / "nowhere")

    refusal(data.prepare_data, tmp_path / "nowhere", "dataset.root", "kaggle.com")


@pytest.mark.parametrize("name", ["table", "images"])
def test_missing_piece_of_the_release_is_named(aptos, make_data, refusal, name):
    piece = getattr(aptos, name)
    shutil.rmtree(piece) if piece.is_dir() else piece.unlink()

    refusal(make_data("aptos", aptos.root).prepare_data, piece)


def test_row_without_photograph_is_named(aptos, make_data, refusal):
    (aptos.images / "00018f6ad8d7.jpg").unlink()

    data = make_data("aptos", aptos.root)
    refusal(data.prepare_data, aptos.images, "1 of 50 rows", "00018f6ad8d7.jpg")


def test_grade_without_photographs_is_named(aptos, make_data, refusal):
    table = pd.read_csv(aptos.table, dtype=str)
    table[table["diagnosis"] != "3"].to_csv(aptos.table, index=False)

    data = make_data("aptos", aptos.root)
    refusal(lambda: data.parts, "severe", "0 ")


@pytest.mark.real_data
def test_real_release_has_the_published_counts_and_copies(real_data, make_data):
    data = make_data("aptos", real_data / "aptos2019", rules={"near_duplicates": False})

    counts = data.table.class_counts.tolist()
    assert counts == [1805, 370, 999, 193, 295]
    assert list(make_data("aptos").paper_counts.values()) == counts
    sizes = pd.Series(data.groups).value_counts()
    assert ((sizes > 1).sum(), sizes[sizes > 1].sum()) == (123, 251)
    grades = pd.Series(data.table.labels).groupby(data.groups).nunique()
    assert (grades > 1).sum() == 30


@pytest.mark.real_data
def test_real_photographs_become_batches(aptos_subset, make_data, check_subset):
    check_subset(make_data("aptos", aptos_subset.root, image_size=32), (150, 150))
