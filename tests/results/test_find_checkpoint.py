"""A checkpoint, the folder of a run, or the folder of a multirun."""

import json
from pathlib import Path

import pytest
import yaml

from aduni.results.find_checkpoint import find_checkpoint, find_checkpoints

SETTINGS = {"names": {"method": "ce"}, "lr": 0.1, "fold": 0, "seed": 0}


def _run(folder: Path, *, handed_over: str = "best", finished: bool = True, **changes) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("best", "last"):
        (folder / "checkpoints" / f"{name}.ckpt").touch()
    (folder / "config.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}))
    if finished:
        metrics = {"stages": [{"name": "train", "handed_over": handed_over}]}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_a_file_is_itself(tmp_path):
    run = _run(tmp_path / "run")
    file = run / "checkpoints" / "last.ckpt"
    assert find_checkpoint(str(file)) == file


@pytest.mark.parametrize("name", ["best", "last"])
def test_the_folder_of_a_run_is_the_checkpoint_that_was_tested(tmp_path, name):
    run = _run(tmp_path / "run", handed_over=name)
    assert find_checkpoint(str(run)) == run / "checkpoints" / f"{name}.ckpt"
    assert find_checkpoints(str(run)) == [run / "checkpoints" / f"{name}.ckpt"]


def test_an_unfinished_run_has_a_best_checkpoint(tmp_path):
    run = _run(tmp_path / "run", finished=False)
    assert find_checkpoint(str(run)) == run / "checkpoints" / "best.ckpt"


def test_the_folder_of_a_multirun_is_all_its_folds(tmp_path):
    runs = [_run(tmp_path / f"{fold}_ce", fold=fold) for fold in range(3)]
    assert find_checkpoints(str(tmp_path)) == [r / "checkpoints" / "best.ckpt" for r in runs]


def test_folds_of_several_methods_are_no_ensemble(tmp_path, refusal):
    _run(tmp_path / "0")
    _run(tmp_path / "1", names={"method": "aduni"})
    refusal(lambda: find_checkpoints(str(tmp_path)), tmp_path, "differ in names", "ckpt=[...]")


def test_an_unfinished_fold_is_not_left_out(tmp_path, refusal):
    _run(tmp_path / "0")
    _run(tmp_path / "1", fold=1, finished=False)
    refusal(lambda: find_checkpoints(str(tmp_path)), tmp_path / "1", "is not finished")


def test_a_missing_file_and_a_folder_without_checkpoints_are_refused(tmp_path, refusal):
    refusal(lambda: find_checkpoint(str(tmp_path / "no")), "no is missing", "give a checkpoint")
    refusal(lambda: find_checkpoints(str(tmp_path)), tmp_path, "is a folder without")


def test_the_folder_of_a_fit_is_its_model(tmp_path):
    (tmp_path / "model.ckpt").touch()
    (tmp_path / "NEXT_STEPS.md").touch()
    assert find_checkpoint(str(tmp_path)) == tmp_path / "model.ckpt"
    assert find_checkpoints(str(tmp_path)) == [tmp_path / "model.ckpt"]


def test_the_folder_of_a_fit_of_several_folds_is_all_its_models(tmp_path, refusal):
    (tmp_path / "NEXT_STEPS.md").touch()
    (tmp_path / "models").mkdir()
    files = [tmp_path / "models" / f"fold{fold}_seed0.ckpt" for fold in range(2)]
    for file in files:
        file.touch()
    assert find_checkpoints(str(tmp_path)) == files
    refusal(lambda: find_checkpoint(str(tmp_path)), "holds several models", "NEXT_STEPS.md")


@pytest.mark.parametrize("name", ["", "model.ckpt"])
def test_a_fit_without_a_recommendation_has_no_model(tmp_path, refusal, name):
    (tmp_path / "NEXT_STEPS.md").touch()
    refusal(lambda: find_checkpoint(str(tmp_path / name)), "recommends no model", "NEXT_STEPS.md")


def test_a_job_of_a_multirun_that_did_not_begin_is_named(tmp_path, refusal):
    _run(tmp_path / "0_ce")
    failed = tmp_path / "1_ce_fold9"
    failed.mkdir()
    (failed / "train.log").write_text("fold=9 is refused")
    refusal(lambda: find_checkpoints(str(tmp_path)), failed, "has not begun")
