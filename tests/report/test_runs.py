"""Run folders are checked before they are quoted."""

import json

import pytest

from aduni.report.runs import read_run, read_runs
from aduni.results import RunFolder
from hand_made import make_run

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return make_run(tmp_path / "runs" / "a", labels=LABELS, predicted=PREDICTED)


def test_a_run_that_holds_together(run):
    read = read_run(run)
    assert read.test["accuracy"] == pytest.approx(4 / 6)
    assert read.class_names == ["common", "less", "rare"]
    images, labels, probabilities = read.test_predictions()
    assert images[0] == "f0_0000"
    assert labels.tolist() == LABELS
    assert probabilities.argmax(axis=1).tolist() == PREDICTED
    assert read.command.startswith("python src/train.py method=ce")


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _other_accuracy(run):
    content = json.loads(run.metrics.read_text())
    content["test"]["accuracy"] += 1e-6
    run.metrics.write_text(json.dumps(content))


BROKEN = {
    "edited figure": (_other_accuracy, "test.accuracy"),
    "edited class figure": (lambda r: _edit(r.metrics, '"less": 2', '"less": 3'), "support.less"),
    "edited prediction": (lambda r: _edit(r.predictions, "0.8", "0.01"), "predictions.csv"),
    "cut metrics": (lambda r: r.metrics.write_text(r.metrics.read_text()[:99]), "JSON"),
    "list for metrics": (lambda r: r.metrics.write_text("[1]"), "JSON"),
    "cut predictions": (
        lambda r: r.predictions.write_text(r.predictions.read_text()[:-50]),
        "predictions.csv",
    ),
    "fewer predictions": (
        lambda r: r.predictions.write_text("\n".join(r.predictions.read_text().split("\n")[:-2])),
        "predictions.csv",
    ),
    "empty predictions": (lambda r: r.predictions.write_text(""), "predictions.csv"),
    "no predictions": (lambda r: r.predictions.unlink(), "predictions.csv"),
    "no split": (lambda r: r.split.unlink(), "split.csv"),
    "no configuration": (lambda r: r.config.unlink(), "config.yaml"),
    "cut configuration": (lambda r: r.config.write_text("a: [1"), "config.yaml"),
    "another image": (lambda r: _edit(r.split, "f0_0003", "other"), "split.csv"),
    "another version": (lambda r: _edit(r.metrics, '"split_hash"', '"hash"'), "another version"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_run_that_does_not_is_left_out_with_a_reason(case, run):
    spoil, word = BROKEN[case]
    spoil(run)
    runs, problems = read_runs(run.path.parent)
    assert not runs
    (problem,) = problems
    assert problem.folder == run.path
    assert word in problem.reason
    assert str(run.path) in problem.reason
    assert problem.reason.endswith(".")


def test_others_are_read_all_the_same(run):
    make_run(run.path.parent / "b", labels=LABELS, predicted=LABELS)
    run.metrics.write_text("{")
    runs, problems = read_runs(run.path.parent)
    assert [r.test["accuracy"] for r in runs] == [1.0]
    assert len(problems) == 1


def test_a_folder_that_does_not_exist(tmp_path, refusal):
    refusal(lambda: read_runs(tmp_path / "nowhere"), "runs=", "nowhere")
