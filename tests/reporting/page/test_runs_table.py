"""The table of runs: columns that say the same of all runs are a sentence."""

from aduni.reporting.page.runs_table import runs_table
from aduni.results.finished_runs import read_run
from hand_made import make_run

LABELS = {"labels": [0, 1, 2], "predicted": [0, 1, 1]}


def _table(tmp_path, **settings):
    folders = [
        make_run(tmp_path / f"run{number}", fold=number, **LABELS, **settings)
        for number in range(2)
    ]
    runs = [read_run(folder) for folder in folders]
    return runs_table(runs, {run.folder.path: "CE" for run in runs}, None, tmp_path, tmp_path)


def test_what_all_runs_have_is_said_once(tmp_path):
    table = _table(tmp_path)
    names = [column.name for column in table.columns]
    assert names == ["Run", "Fold", "Accuracy", "Macro F1", "Epoch", "Minutes", "Command"]
    assert table.note == "All of them: row CE, data set toy, seed 0, state done."
    assert [[cell.text for cell in row[:2]] for row in table.rows] == [["run0", "0"], ["run1", "1"]]


def test_what_differs_is_a_column(tmp_path):
    one = make_run(tmp_path / "a", seed=3, **LABELS)
    other = make_run(tmp_path / "b", seed=4, **LABELS)
    runs = [read_run(folder) for folder in (one, other)]
    table = runs_table(runs, {}, None, tmp_path, tmp_path)
    assert "Seed" in [column.name for column in table.columns]
    assert table.note == "All of them: data set toy, fold 0, state done."
    single = runs_table(runs[:1], {}, None, tmp_path, tmp_path)
    assert {"Data set", "Fold", "Seed", "State"} <= {column.name for column in single.columns}
