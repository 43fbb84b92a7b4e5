"""Tables and file lists, and the sentences that say what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest

from aduni.data.tables import ImageTable, check_root, check_unique, find_files, read_csv

COLUMNS = ("id_code", "diagnosis")
PLAIN = "id_code,diagnosis\n000123,0\nNA,4\n"


def test_every_cell_stays_the_text_that_it_is(tmp_path: Path):
    # pandas would make 123 of 000123, and a missing value of NA.
    path = tmp_path / "train.csv"
    path.write_text(PLAIN)

    frame = read_csv(path, COLUMNS)
    assert frame.to_dict("list") == {"id_code": ["000123", "NA"], "diagnosis": ["0", "4"]}


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_tables_saved_by_a_spreadsheet_read_like_the_official_one(tmp_path, mark, line_end):
    path = tmp_path / "train.csv"
    path.write_bytes((mark + PLAIN).replace("\n", line_end).encode())

    frame = read_csv(path, COLUMNS)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["diagnosis"].tolist() == ["0", "4"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing"),
        (b"", "train.csv"),
        (b"id_code,diagnosis\n", "no rows"),
        (b"id_code,grade\na,0\n", "diagnosis"),
        (b"id_code;diagnosis\na;0\n", "id_code"),
        ("id_code,diagnosis\ncaf\u00e9,0\n".encode("latin-1"), "train.csv"),
        (PLAIN.encode("utf-16"), "train.csv"),
        (b"id_code,diagnosis\na,0\nb,1,2,3\n", "train.csv"),
        (b'id_code,diagnosis\n"a,0\n', "train.csv"),
    ],
    ids=[
        "no file",
        "empty file",
        "header only",
        "column missing",
        "semicolons",
        "latin-1",
        "utf-16",
        "ragged row",
        "open quote",
    ],
)
def test_table_that_cannot_be_used_is_named_with_the_remedy(tmp_path, refusal, content, words):
    path = tmp_path / "train.csv"
    if content is not None:
        path.write_bytes(content)

    refusal(lambda: read_csv(path, COLUMNS), path, words)


def test_folder_in_place_of_a_table_is_refused(tmp_path, refusal):
    refusal(lambda: read_csv(tmp_path, COLUMNS), tmp_path, "is a folder", "dataset.root")


def test_the_remedy_for_a_missing_table_is_the_callers(tmp_path, refusal):
    path = tmp_path / "split.csv"

    refusal(lambda: read_csv(path, COLUMNS), path, "set dataset.root")
    refusal(lambda: read_csv(path, COLUMNS, "make a split"), path, "is missing; make a split.")


def test_a_file_in_place_of_the_root_is_called_a_file(tmp_path, refusal):
    root = tmp_path / "release.zip"
    check_root(tmp_path, "APTOS", "download it")
    refusal(lambda: check_root(root, "APTOS", "download it"), root, "is missing", "or download it")
    root.touch()
    refusal(lambda: check_root(root, "APTOS", "download it"), root, "is a file", "dataset.root")


def test_first_suffix_wins_and_other_files_do_not_disturb(tmp_path):
    for name in ("a.jpg", "b.jpg", "b.png", "c.png", "c.png.part", "Thumbs.db"):
        (tmp_path / name).touch()

    found = find_files(["c", "a", "b"], tmp_path, [".png", ".jpg"])
    assert found == [tmp_path / "c.png", tmp_path / "a.jpg", tmp_path / "b.png"]


def test_rows_without_file_are_counted_and_the_first_is_named(tmp_path, refusal):
    (tmp_path / "a.png").touch()

    def call():
        return find_files(["a", "b", "c"], tmp_path, [".png", ".jpg"])

    refusal(call, tmp_path, "2 of 3 rows", "b.png or b.jpg")


def test_missing_image_folder_is_named(tmp_path, refusal):
    folder = tmp_path / "train_images"

    refusal(lambda: find_files(["a"], folder, [".png"]), folder, "dataset.root")


def test_image_with_two_rows_is_named(tmp_path, refusal):
    path = tmp_path / "train.csv"

    check_unique(["a", "b", "c"], path)
    refusal(lambda: check_unique(["a", "b", "c", "b"], path), path, "2 rows for b")


def test_class_without_images_counts_zero():
    table = ImageTable(["a", "b", "c"], np.array([2, 0, 2]), ["x", "y", "z", "w"])

    assert table.class_counts.tolist() == [1, 0, 2, 0]
