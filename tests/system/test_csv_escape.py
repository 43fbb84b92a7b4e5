"""Test that written tables contain no formulas for a spreadsheet and are read back unchanged."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.data.image_table import ImageTable
from aduni.data.splits.predefined import read_split, split_frame
from aduni.results.predictions_csv import evaluate_predictions
from aduni.system.atomic_files import write_csv
from aduni.system.csv_escape import escape_formulas, read_saved, unescape_formulas

FORMULAS = (
    "=1+1",
    "=cmd|'/c calc'!A1",
    '=HYPERLINK("http://127.0.0.1","x")',
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''=1",
)
PLAIN = ("ISIC_0024306", "000012", "a=b", "'quoted'", "'", "x,y", 'a"b', "é", " =", "NA")


def written(frame: pd.DataFrame, path: Path) -> str:
    write_csv(frame, path)
    return path.read_bytes().decode()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_as_text(text, tmp_path):
    frame = pd.DataFrame({"image": [text], "p_a": [-0.5]})

    content = written(frame, tmp_path / "t.csv")
    cell = content.split("\n", 1)[1].removeprefix('"')
    assert cell.startswith("'")
    assert content.endswith(",-0.5\n")  # a number is none


def test_other_texts_are_written_as_they_are():
    frame = pd.DataFrame({"image": list(PLAIN), "n": range(len(PLAIN))})

    pd.testing.assert_frame_equal(escape_formulas(frame), frame)
    pd.testing.assert_frame_equal(unescape_formulas(frame), frame)


def test_every_text_comes_back(tmp_path):
    frame = pd.DataFrame({"image": [*FORMULAS, *PLAIN]}, dtype="str")
    written(frame, tmp_path / "t.csv")

    read = read_saved(tmp_path / "t.csv", ["image"])
    assert read["image"].tolist() == frame["image"].tolist()


def test_a_missing_cell_stays_missing():
    frame = pd.DataFrame({"state": ["=1", None]})

    assert escape_formulas(frame)["state"].isna().tolist() == [False, True]


def test_a_table_that_a_person_wrote_is_read_as_it_stands():
    frame = pd.read_csv(io.StringIO("image\n=1\n-a\n'b\n"), dtype=str)

    assert unescape_formulas(frame)["image"].tolist() == ["=1", "-a", "'b"]


def test_a_split_is_read_back(tmp_path):
    images = list(FORMULAS)
    names = ["=a", "+b"]
    table = ImageTable(images, np.arange(len(images)) % 2, names)
    parts = np.resize(np.array(["train", "validation", "test"]), len(images))
    groups = np.arange(len(images))
    content = written(split_frame(table, groups, parts), tmp_path / "split.csv")

    assert ",=" not in content
    assert ',"=' not in content
    read = read_split(tmp_path / "split.csv", table, groups, grouped=True)
    assert read.tolist() == parts.tolist()


def test_predictions_are_recomputed(tmp_path):
    frame = pd.DataFrame({"image": list(FORMULAS[:4]), "part": "test", "label": ["=a", "-b"] * 2})
    frame["predicted"] = ["=a", "-b", "=a", "=a"]
    frame["p_=a"] = [0.9, 0.1, 0.8, 0.7]
    frame["p_-b"] = 1 - frame["p_=a"]
    written(frame, tmp_path / "predictions.csv")

    figures = evaluate_predictions(tmp_path / "predictions.csv", ["=a", "-b"])["test"]
    assert figures is not None
    assert figures["accuracy"] == 0.75
    assert figures["per_class_recall"] == {"=a": 1.0, "-b": 0.5}
