"""python src/evaluate.py: a checkpoint tested again gives the figures of its run."""

import json
import shutil
import sys

import pytest
import torch


@pytest.fixture
def trained(past_run):
    return past_run("method=aduni")


def test_the_best_checkpoint_gives_the_figures_of_the_run(command, trained, tmp_path):
    output = tmp_path / "again"
    ckpt = trained / "checkpoints" / "best.ckpt"
    finished = command("evaluate", f"ckpt={ckpt}", f"output={output}")

    assert finished.status == 0, finished.err
    again, before = (json.loads((d / "metrics.json").read_text()) for d in (output, trained))
    for key in ("test", "validation", "selected_epoch", "split_hash", "method", "fold"):
        assert again[key] == before[key]
    predictions = (output / "predictions.csv").read_text()
    assert predictions == (trained / "predictions.csv").read_text()


def test_results_go_into_the_runs_folder_by_default(command, trained):
    finished = command("evaluate", f"ckpt={trained / 'checkpoints' / 'last.ckpt'}")

    assert finished.status == 0
    written = json.loads((trained / "evaluation" / "last" / "metrics.json").read_text())
    assert str(trained / "evaluation" / "last") in finished.out
    assert (written["epoch"], written["selected_epoch"]) == (1, None)  # nothing selected it
    assert "Epoch 2, which nothing selected" in finished.out


def test_a_missing_checkpoint_is_named(command):
    finished = command("evaluate", "ckpt=nowhere.ckpt")

    assert finished.status == 1
    assert finished.err.startswith("error: nowhere.ckpt is missing")


def test_the_checkpoint_must_be_given(command):
    finished = command("evaluate")

    assert finished.status == 1
    assert "ckpt is missing; give it on the command line" in finished.err


def test_foreign_and_damaged_files_are_refused(command, tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    (tmp_path / "damaged.ckpt").write_bytes(b"PK\x03\x04 not a checkpoint")

    foreign = command("evaluate", f"ckpt={tmp_path / 'foreign.ckpt'}")
    damaged = command("evaluate", f"ckpt={tmp_path / 'damaged.ckpt'}")

    assert (foreign.status, damaged.status) == (1, 1)
    assert "was not written by this project" in foreign.err
    assert "is not a readable checkpoint" in damaged.err


def test_another_split_is_refused(command, trained):
    split = trained / "split.csv"
    rows = split.read_text()
    split.write_text(rows.replace(",test\n", ",unused\n", 1))
    finished = command("evaluate", f"ckpt={trained / 'checkpoints' / 'best.ckpt'}")

    assert finished.status == 1
    assert "is not the data set" in finished.err


def test_a_method_of_ones_own_is_built_from_a_file_only_where_it_is_trusted(
    command, train, tmp_path, monkeypatch
):
    code = "from aduni.methods.softmax import Softmax\n\nclass Own(Softmax):\n    pass\n"
    (tmp_path / "own_classifier.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    finished, run = train("epochs=1", "method=ce", "method._target_=own_classifier.Own")
    assert finished.status == 0, finished.err
    monkeypatch.delitem(sys.modules, "own_classifier")
    ckpt = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    (run / "metrics.json").rename(run / "kept.json")

    for name, which in (("evaluate", ckpt), ("train", f"resume={run}")):
        refused = command(name, which)
        assert refused.status == 1
        assert "names own_classifier.Own" in refused.err
        assert "add trust=[own_classifier]" in refused.err
        assert "own_classifier" not in sys.modules
        trusted = command(name, which, "trust=[own_classifier]")
        assert trusted.status == 0, trusted.err
        monkeypatch.delitem(sys.modules, "own_classifier")
    assert "trust" not in (run / "config.yaml").read_text()


def test_a_checkpoint_that_was_moved_is_evaluated_where_it_is(trained, command, tmp_path, cache):
    moved = tmp_path / "elsewhere" / "mine.ckpt"
    moved.parent.mkdir()
    shutil.copy(trained / "checkpoints" / "best.ckpt", moved)
    finished = command("evaluate", f"ckpt={moved}", f"dataset.cache_dir={cache}")

    assert finished.status == 0, finished.err
    assert (tmp_path / "elsewhere" / "evaluation" / "mine" / "metrics.json").exists()
    assert "Selected epoch" in finished.out
    assert not (tmp_path / "evaluation").exists()


def test_the_folder_of_a_run_stands_for_the_checkpoint_that_it_tested(trained, command, tmp_path):
    finished = command("evaluate", f"ckpt={trained}", f"output={tmp_path / 'again'}")
    before = json.loads((trained / "metrics.json").read_text())
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())

    assert finished.status == 0
    assert again["checkpoint"] == str(trained / "checkpoints" / "best.ckpt")
    assert again["test"] == before["test"]


def test_a_folder_without_a_run_is_no_checkpoint(command, tmp_path):
    finished = command("evaluate", f"ckpt={tmp_path}")

    assert f"{tmp_path} is a folder without checkpoints/best.ckpt; give" in finished.err
