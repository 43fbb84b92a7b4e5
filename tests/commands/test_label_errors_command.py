"""python src/label_errors.py on runs, and what becomes of corrected labels."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from own_data import table


@pytest.fixture
def runs(past_run, tmp_path):
    for fold in (0, 1):
        past_run("method=ce", f"fold={fold}", folder=f"runs/{fold}")
    return tmp_path / "runs"


def test_runs_on_digits_are_read_without_torch(runs, cache, tmp_path):
    script = (
        "import sys; from aduni.cli.start import start; sys.argv[0] = 'aduni label_errors';"
        "start('label_errors'); assert 'torch' not in sys.modules"
    )
    words = (f"runs={runs}", f"dataset.cache_dir={cache}", f"output={tmp_path / 'out'}", "limit=5")
    call = [sys.executable, "-c", script, *words]
    finished = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    assert " of 1,797 images may have a wrong label: " in finished.stdout
    page = (tmp_path / "out" / "index.html").read_text()
    listed = pd.read_csv(tmp_path / "out" / "label_errors.csv", dtype=str)
    assert len(listed) > 5
    assert page.count("<img ") == 5
    assert "<dt>Folds</dt><dd>0, 1</dd>" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("runs=nowhere",), "runs=nowhere is not a folder"),
        ((), "give either a folder that holds finished runs"),
        (("predictions=none.csv",), "predictions=none.csv names no file"),
        (("predictions=a.csv", "images=nowhere"), "nowhere is missing"),
        (("runs=.", "images=."), "images= is for predictions="),
        (("predictions=a.csv", "dataset.root=."), "dataset.root= is for runs="),
        (("runs=.", "limit=-1"), "limit=-1 is not valid"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(command, words, said):
    finished = command("label_errors", *words)
    assert finished.status == 1
    assert finished.err.startswith("error: ")
    assert said in finished.err
    assert finished.err.count("\n") == 1


def test_corrections_become_a_table_for_training_as_the_page_says(
    root, make_data, tmp_path, monkeypatch
):
    """The Python of docs/evaluation.md, on a split.csv and a list that somebody has filled in."""
    file = table(tmp_path / "own")
    columns = {"image_column": "name", "label_column": "finding", "group_column": "patient"}
    data = make_data("csv", csv=str(file), title="mine", **columns)
    (tmp_path / "RUN").mkdir()
    (tmp_path / "DIR").mkdir()
    data.split.to_csv(tmp_path / "RUN" / "split.csv", index=False)
    lines = [("pictures/003", "unclear"), ("pictures/020", "")]
    listed = pd.DataFrame(lines, columns=["image", "corrected"])
    listed.to_csv(tmp_path / "DIR" / "label_errors.csv", index=False)
    text = (root / "docs" / "evaluation.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/evaluation.md", "exec"), {})

    again = make_data(
        "csv", str(tmp_path / "own"), csv="corrected.csv", title="again", group_column="group"
    )
    before = dict(zip(data.table.images, data.table.labels, strict=True))
    after = dict(zip(again.table.images, again.table.labels, strict=True))
    assert {i for i in before if before[i] != after[i]} == {"pictures/003"}
    assert again.table.class_names[after["pictures/003"]] == "unclear"
