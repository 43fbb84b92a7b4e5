"""python src/report.py predictions=: the page of predictions that any program made."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.reporting.build import report_predictions

TABLES = ("tables.csv", "comparisons.csv", "classes.csv", "moved.csv")


def _export(run: Path, file: Path, dataset: str) -> None:
    """Write a run's split and predictions as one table."""
    metrics = json.loads((run / "metrics.json").read_text())
    split = pd.read_csv(run / "split.csv", dtype={"image": str, "label": str})
    rows = pd.read_csv(run / "predictions.csv", dtype={"image": str, "label": str})
    table = split.merge(rows.drop(columns=["part", "label", "predicted"]), "left", on="image")
    table = table.rename(columns={"image": "id"})
    names = {"model": metrics["method"], "fold": metrics["fold"], "seed": metrics["seed"]}
    file.parent.mkdir(exist_ok=True)
    assert file.parent.name == dataset
    table.assign(**names).to_csv(file, index=False)


def _of_settings(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the paper's tables, which runs alone can belong to."""
    if "table" not in frame:
        return frame
    return frame[frame["table"].str.startswith("settings")].reset_index(drop=True)


@pytest.fixture
def runs(past_run, tmp_path):
    """Four runs: two methods on two folds of digits."""
    for method in ("ce", "aduni"):
        for fold in (0, 1):
            name = f"runs/{method}{fold}"
            past_run(f"method={method}", "sampler=none", f"fold={fold}", folder=name)
    return tmp_path / "runs"


def test_the_page_of_exported_tables_equals_that_of_the_runs(command, runs, tmp_path):
    for run in runs.iterdir():
        _export(run, tmp_path / "digits" / f"{run.name}.csv.gz", "digits")
    columns = "columns=macro_auroc,expected_calibration_error"
    own = command("report", f"runs={runs}", columns, f"output={tmp_path / 'own'}")
    given = command("report", f"predictions={tmp_path}/digits/*.csv.gz", columns)

    assert (own.status, given.status) == (0, 0), given.err
    assert given.out.replace(str(tmp_path / "digits"), str(tmp_path / "own")) == own.out
    for name in TABLES:
        of_runs, of_tables = (
            _of_settings(pd.read_csv(tmp_path / folder / "tables" / name))
            for folder in ("own", "digits")
        )
        pd.testing.assert_frame_equal(of_runs, of_tables, rtol=0, atol=1e-9)
    figures = [
        {file.name for file in (tmp_path / folder / "figures").iterdir()}
        for folder in ("own", "digits")
    ]
    assert {name for name in figures[0] - figures[1] if "curves" not in name} == set()
    assert figures[1] <= figures[0]


def test_what_the_tables_lack_is_said(command, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(40)], "label": [0, 1] * 20})
    for model in ("resnet", "vit"):
        logits = rng.normal(size=(40, 2)) * 3
        table.assign(p_cat=logits[:, 0], p_dog=logits[:, 1]).to_csv(
            tmp_path / f"{model}.csv", index=False
        )
    finished = command(
        *("report", f"predictions=[{tmp_path}/resnet.csv,{tmp_path}/vit.csv]", "reference=vit"),
        f"output={tmp_path / 'page'}",
    )

    assert finished.status == 0, finished.err
    assert "There is no validation part: thresholds" in finished.out
    assert "with tuned logit adjustment" not in (tmp_path / "page" / "index.html").read_text()
    page = (tmp_path / "page" / "index.html").read_text()
    assert "vit and resnet on" in page
    assert "logits, softmax taken (resnet.csv, vit.csv)" in page
    assert "resnet - vit" in page


def test_a_frame_gives_the_same_page_as_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"id": ["a", "b", "c", "d"], "label": ["x", "y", "x", "y"]})
    table = table.assign(p_x=[0.9, 0.2, 0.4, 0.4], p_y=[0.1, 0.8, 0.6, 0.6], group=[1, 1, 2, 2])
    table.to_csv(tmp_path / "net.csv", index=False)
    pages = [
        report_predictions(source, tmp_path / name, dataset="mine").read_text()
        for source, name in (({Path("net.csv"): table}, "one"), ([Path("net.csv")], "two"))
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "give either a folder that holds run folders, runs=DIR, or tables of predictions"),
        (["runs=results/study", "predictions=b"], "give either"),
        (["predictions=nowhere/*.csv"], "predictions=nowhere/*.csv names no file"),
        (["runs=results/study", "ordinal=true"], "ordinal=true is for predictions="),
    ],
)
def test_mistakes_are_one_sentence(command, overrides, words):
    finished = command("report", *overrides)
    assert finished.status == 1
    (sentence,) = finished.err.splitlines()
    assert words in sentence


def test_no_torch_is_imported():
    code = "import aduni.reporting.build, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
