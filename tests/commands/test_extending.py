"""The worked examples of docs/extending.md, written to a reader's folder and trained."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from aduni.system.atomic_files import read_json


@pytest.fixture
def page(root) -> str:
    return (root / "docs" / "extending.md").read_text()


@pytest.fixture
def own(page, tmp_path, monkeypatch):
    """Writes the page's files of one name; returns the override that finds them."""

    def write(name: str, group: str) -> str:
        conf = tmp_path / "conf"
        (conf / group).mkdir(parents=True)
        (tmp_path / f"{name}.py").write_text(_block(page, f"`{name}.py`", "python"))
        yaml = _block(page, f"`conf/{group}/{name}.yaml`", "yaml")
        (conf / group / f"{name}.yaml").write_text(yaml)
        monkeypatch.syspath_prepend(tmp_path)
        return f"hydra.searchpath=[file://{conf}]"

    return write


def _block(page: str, heading: str, kind: str) -> str:
    """The code block behind the line that begins with some words."""
    found = re.search(rf"^{re.escape(heading)}.*?\n\n```{kind}\n(.*?)^```", page, re.M | re.S)
    assert found, heading
    return found[1]


def test_the_sampler(train, own):
    search = own("inverse", "sampler")
    finished, run = train(search, "sampler=inverse", "sampler.power=2")

    assert finished.status == 0, finished.err
    assert read_json(run / "metrics.json")["sampler"] == "inverse"

    from inverse import Inverse

    labels = np.repeat([0, 1], [900, 100])
    drawn = Inverse().batches(labels, epoch=0, epochs=1, seed=0, batch_size=1000)
    # 1/900 against 1/100: nine in ten of the draws are of the rare class.
    assert labels[drawn[0]].mean() == pytest.approx(0.9, abs=0.04)


def test_the_schedule(train, own):
    finished, run = train(own("late", "alpha"), "alpha=late", "epochs=4")

    assert finished.status == 0, finished.err
    assert list(pd.read_csv(run / "history.csv")["alpha"]) == pytest.approx([0.5] * 3 + [0.01])


def test_the_data_set(train, command, own):
    options = ("dataset=shapes", "batch_size=8")
    search = own("shapes", "dataset")
    finished, run = train(search, *options)

    assert finished.status == 0, finished.err
    split = pd.read_csv(run / "split.csv")
    assert split["label"].value_counts().to_dict() == {"disc": 72, "ring": 36}
    # Three images an object, on one side; copies in one class would join objects.
    assert (split.groupby("group")["part"].nunique() == 1).all()
    assert split["group"].nunique() == 36

    ckpt = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    refused = command("evaluate", ckpt)
    assert refused.status == 1
    assert "trust=[shapes]" in refused.err
    evaluated = command("evaluate", ckpt, "trust=[shapes]")
    assert evaluated.status == 0, evaluated.err


FOUND = """
import sys
from aduni.metrics import classification
from aduni.reporting import figures
classification.__path__.append(sys.argv[1])
figures.__path__.append(sys.argv[2])
from aduni.metrics.names import METRICS
from aduni.reporting.figures.figure import all_figures
import json
import numpy as np
from aduni.metrics.evaluation import evaluate
from aduni.metrics.bootstrap_intervals import intervals
labels, probabilities = np.array([0, 0, 1, 1, 1]), np.eye(2)[[0, 1, 1, 1, 1]]
names = [figure.name for figure in all_figures()]
low, high = intervals(labels, probabilities, np.arange(5)).metrics["worst_recall"]
value = evaluate(labels, probabilities, ["a", "b"])["worst_recall"]
print(json.dumps([value, low, high, METRICS["worst_recall"].title, names]))
"""


def test_the_metric_and_the_figure_are_found_by_listing_their_folders(page, tmp_path):
    folders = [tmp_path / "classification", tmp_path / "figures"]
    for folder, name in zip(folders, ("worst_recall", "train_time"), strict=True):
        folder.mkdir()
        (folder / f"{name}.py").write_text(_block(page, f"`{name}.py`", "python"))
    command = [sys.executable, "-c", FOUND, *map(str, folders)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    value, low, high, title, names = json.loads(printed)

    assert value == 0.5  # class a: one of two
    assert low <= value <= high
    assert title == "Worst recall"
    assert names[-1] == "train_time"


def test_the_figure(page, tmp_path, root, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "train_time.py").write_text(_block(page, "`train_time.py`", "python"))

    from train_time import FIGURE

    from aduni.results.finished_runs import read_run
    from hand_made import make_run

    labels = [0, 1] * 4
    run = read_run(make_run(tmp_path / "run", labels=labels, predicted=labels))
    (bar,) = FIGURE.draw({"CE": [run]}, "Toy").axes[0].patches
    assert bar.get_width() == run.metrics["train_seconds"] / 60
