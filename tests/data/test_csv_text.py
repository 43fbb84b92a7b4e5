"""Tables of spreadsheets and scripts are read, or refused with the reason."""

import gzip

import pytest

import composing  # noqa: F401  registers the resolver of titles
from aduni.data.image_table import csv_lines
from own_data import table

HEADER = "image,label,grade"
ROWS = [f"pictures/{i:03d}.png,{'dé f' if i % 2 else 'abc'},1" for i in range(32)]
TEXT = "\n".join([HEADER, *ROWS]) + "\n"
SEMICOLONS = TEXT.replace(",", ";")

READ = {
    "plain": TEXT.encode(),
    "byte order mark": TEXT.encode("utf-8-sig"),
    "Windows": TEXT.replace("\n", "\r\n").encode(),
    "old Mac": TEXT.replace("\n", "\r").encode(),
    "index column": "\n".join([f",{HEADER}", *(f"{i},{r}" for i, r in enumerate(ROWS))]).encode(),
    "empty columns": "\n".join([f"{HEADER},,", *(f"{row},," for row in ROWS)]).encode(),
    "blank lines": f"\n{TEXT}\n\n".encode(),
    "quotes": TEXT.replace("dé f", '"dé f"').encode(),
}

REFUSED = {
    "semicolons": (SEMICOLONS.encode(), "its cells are separated by semicolons; save it with"),
    "decimal commas": (SEMICOLONS.replace(";1\n", ";1,0\n").encode(), "separated by semicolons"),
    "semicolons in Excel": (SEMICOLONS.encode("utf-8-sig"), "separated by semicolons"),
    "semicolons, a comma in the header": (
        SEMICOLONS.replace("grade\n", '"size, mm"\n').encode(),
        "separated by semicolons",
    ),
    "tabs": (TEXT.replace(",", "\t").encode(), "its cells are separated by tabs; save it with"),
    "bars": (TEXT.replace(",", "|").encode(), "its cells are separated by bars; save it with"),
    "utf-16": (TEXT.encode("utf-16"), "is UTF-16 text, not a CSV table; save it as UTF-8"),
    "utf-16, no mark": (TEXT.encode("utf-16-le"), "is UTF-16 text or no text"),
    "cp1252": (TEXT.encode("cp1252"), "is no UTF-8 text (byte 0xe9 in line 3); save it as UTF-8"),
    "sep=,": (f"sep=,\n{TEXT}".encode(), "begins with the line 'sep=,', which no header is; rem"),
    "sep=;": (f"sep=;\n{SEMICOLONS}".encode(), "begins with the line 'sep=;'"),
    "workbook": (b"PK\x03\x04\x14\0rest", "is a workbook of Excel or another archive"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of an old Excel"),
    "gzip": (gzip.compress(TEXT.encode()), "is a compressed file"),
    "empty rows": (f"{TEXT},,\n,,\n".encode(), "has an empty row in line 34"),
    "rows of blanks": (f"{TEXT} , ,\n".encode(), "has an empty row in line 34"),
    "a long row": (f"{TEXT}a,b,c,d\n".encode(), "4 cells under 3 columns, 'a', in line 34"),
    "header in capitals": (
        TEXT.replace("image,label", "IMAGE,Label").encode(),
        "no column of that name (did you mean IMAGE?); its columns are IMAGE, Label, grade",
    ),
    "no label column": (TEXT.replace("label", "dx").encode(), "dataset.label_column=label"),
}


@pytest.fixture
def make(make_data, tmp_path):
    """Read the data set whose table has the given bytes."""
    file = table(tmp_path / "own")

    def call(content):
        file.write_bytes(content)
        return make_data("csv", csv=str(file), title="mine").table

    return call


@pytest.mark.parametrize("kind", READ)
def test_a_table_is_read_however_it_is_saved(make, kind):
    read = make(READ[kind])

    assert read.images == [row.split(",")[0] for row in ROWS]
    assert read.class_names == ["abc", "dé f"]
    assert read.labels.tolist() == [0, 1] * 16


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_such_table_is_named_with_the_remedy(make, refusal, kind):
    content, words = REFUSED[kind]

    refusal(lambda: make(content), "labels.csv", words)


def test_lines_are_numbered_as_in_an_editor(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes(b'\na,b\n"two\nlines",1\n\nlast,2\n')

    assert csv_lines(file, "") == [(2, ["a", "b"]), (3, ["two\nlines", "1"]), (6, ["last", "2"])]


def test_one_hot_columns_are_named(make, refusal):
    rows = [
        f"pictures/{i:03d}.png,{float(i % 3 == 0)},{float(i % 3 == 1)},{float(i % 3 == 2)},3"
        for i in range(32)
    ]
    content = "\n".join(["image,MEL,NV,UNK,age", *rows]).encode()

    refusal(
        lambda: make(content), "labels stand in the columns MEL, NV and UNK", "label_columns=[MEL"
    )
