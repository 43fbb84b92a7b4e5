"""Tables and file lists are read, or refused with the reason."""

import os
from pathlib import Path

import numpy as np
import pytest

from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, read_csv
from aduni.data.names import escape
from aduni.data.places import Release, check_release

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
        (b"id_code;diagnosis\na;0\n", "cells are separated by semicolons; save it with commas"),
        ("id_code,diagnosis\ncaf\u00e9,0\n".encode("latin-1"), "train.csv"),
        (PLAIN.encode("utf-16"), "train.csv"),
        (b"id_code,diagnosis\na,0\nb,1,2,3\n", "train.csv"),
        (b'id_code,diagnosis\n"a,0\n', "train.csv"),
        (b'id_code,diagnosis\na"b,0\n"c"d,0\n', "train.csv"),
        (b"id_code,diagnosis\na,0,\nb,1,\n", "3 cells under 2 columns, 'a'"),
        (b"id_code,diagnosis\na,0\nb\n", "1 cells under 2 columns, 'b'"),
        (b"id_code,diagnosis,diagnosis\na,0,1\n", "several columns 'diagnosis'"),
        (b"\n\n\n", "is empty"),
        (b"id_code,diagnosis\n\n\n", "no rows"),
        (b"id_code,diagnosis\n\x89PNG\r\n\x1a\n\0,0", "train.csv"),
        (b"a" * 200_000 + b",diagnosis\nb,0\n", "train.csv"),
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
        "quote inside",
        "comma after each row",
        "short row",
        "column twice",
        "blank lines only",
        "header and blank lines",
        "binary",
        "endless cell",
    ],
)
def test_table_that_cannot_be_used_is_named_with_the_remedy(tmp_path, refusal, content, words):
    path = tmp_path / "train.csv"
    if content is not None:
        path.write_bytes(content)

    refusal(lambda: read_csv(path, COLUMNS), path, words)


def test_spaces_around_cells_do_not_count_but_in_file_names(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(" id_code , diagnosis,\tother\n a ,  0 , x \n\n b,1\t,y\n")

    frame = read_csv(path, COLUMNS)
    assert list(frame.columns) == ["id_code", "diagnosis", "other"]
    assert frame["id_code"].tolist() == [" a ", " b"]
    assert frame["diagnosis"].tolist() == ["0", "1"]


def test_quotes_commas_and_line_ends_inside_a_cell_are_kept(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(b'id_code,diagnosis\r\n"a,b",0\r\n"say ""c""",1\r\n"two\nlines",2\r\n')

    assert read_csv(path, COLUMNS)["id_code"].tolist() == ["a,b", 'say "c"', "two\nlines"]


def test_pipe_in_place_of_a_table_is_refused_and_not_waited_for(tmp_path, refusal):
    os.mkfifo(tmp_path / "train.csv")

    refusal(lambda: read_csv(tmp_path / "train.csv", COLUMNS), "is no file", "dataset.root")


@pytest.mark.parametrize(
    "image", ["", "../secret", "a/b", "/etc/passwd", "..\\secret", "C:\\a", "a\0b", "a\rb"]
)
def test_identifier_that_would_leave_the_folder_is_refused(tmp_path, refusal, image):
    path = tmp_path / "train.csv"

    message = refusal(lambda: check_images(["a", image], path), path, "is not a plain file name")
    assert f"'{escape(image)}'" in message


@pytest.mark.parametrize("image", ["../000012345678", "/etc/passwd"])
def test_data_set_reads_nothing_outside_its_folder(aptos, make_data, refusal, image):
    (aptos.root / "000012345678.png").write_bytes((aptos.images / "000012345678.png").read_bytes())
    text = aptos.table.read_text().replace("000012345678", image, 1)
    aptos.table.write_text(text)

    refusal(make_data("aptos", aptos.root).prepare_data, aptos.table, f"'{image}'")


def test_identifier_with_two_labels_is_refused(aptos, make_data, refusal):
    with aptos.table.open("a") as file:
        file.write("000012345678,3\n")

    refusal(make_data("aptos", aptos.root).prepare_data, aptos.table, "2 rows for 000012345678")


def test_names_in_messages_stay_on_one_line(aptos, make_data, refusal):
    with aptos.table.open("a") as file:
        file.write('"two\nlines",0\n"\x1b[31mred",0\n')

    message = refusal(make_data("aptos", aptos.root).prepare_data, "2 of 52", r"two\nlines.png")
    assert message.isprintable()


def test_folder_in_place_of_a_table_is_refused(tmp_path, refusal):
    refusal(lambda: read_csv(tmp_path, COLUMNS), tmp_path, "is a folder", "dataset.root")


def test_the_remedy_for_a_missing_table_is_the_callers(tmp_path, refusal):
    path = tmp_path / "split.csv"

    refusal(lambda: read_csv(path, COLUMNS), path, "set dataset.root")
    refusal(lambda: read_csv(path, COLUMNS, "make a split"), path, "is missing; make a split.")


def test_a_file_in_place_of_the_root_is_called_a_file(tmp_path, refusal):
    root, release = tmp_path / "release.zip", Release("APTOS", "download it")
    check_release(tmp_path, release)
    refusal(lambda: check_release(root, release), root, "is missing", "or download it")
    root.touch()
    refusal(lambda: check_release(root, release), root, "is a file", "dataset.root")


def test_first_suffix_wins_and_other_files_do_not_disturb(tmp_path):
    for name in ("a.jpg", "b.jpg", "b.png", "c.png", "c.png.part", "Thumbs.db"):
        (tmp_path / name).touch()

    found = find_files(["c", "a", "b"], [tmp_path], [".png", ".jpg"])
    assert found == [tmp_path / "c.png", tmp_path / "a.jpg", tmp_path / "b.png"]


def test_rows_without_file_are_counted_and_the_first_is_named(tmp_path, refusal):
    (tmp_path / "a.png").touch()

    def call():
        return find_files(["a", "b", "c"], [tmp_path], [".png", ".jpg"])

    refusal(call, tmp_path, "2 of 3 rows", "b.png or b.jpg")


def test_missing_image_folder_is_named(tmp_path, refusal):
    folder = tmp_path / "train_images"

    refusal(lambda: find_files(["a"], [folder], [".png"]), folder, "dataset.root")


def test_image_with_two_rows_is_named(tmp_path, refusal):
    path = tmp_path / "train.csv"

    check_images(["a", "b", "c"], path)
    refusal(lambda: check_images(["a", "b", "c", "b"], path), path, "2 rows for b")


def test_class_without_images_counts_zero():
    table = ImageTable(["a", "b", "c"], np.array([2, 0, 2]), ["x", "y", "z", "w"])

    assert table.class_counts.tolist() == [1, 0, 2, 0]
