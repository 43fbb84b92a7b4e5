"""Two processes on one machine, through the command: many jobs in one multirun."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch

from composing import networks

TWO_STAGES = """
defaults:
  - /sampler@classifier_sampler: upsample
_target_: two_stages.TwoStages
"""


@pytest.fixture
def sweep(root, quick, cache, tmp_path):
    """Runs jobs on two processes; returns their folders."""

    def call(*overrides: str):
        finished = subprocess.run(
            [
                *(sys.executable, str(root / "src" / "train.py"), "-m"),
                *(option for option in quick if option != "trainer=cpu"),
                *("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"),
                *(f"dataset.cache_dir={cache}", f"hydra.sweep.dir={tmp_path / 'sweep'}"),
                *overrides,
            ],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root / "tests")},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert finished.returncode == 0, finished.stderr
        return sorted(folder for folder in (tmp_path / "sweep").iterdir() if folder.is_dir())

    return call


def _check(runs) -> None:
    assert len(runs) == 2
    for fold, run in enumerate(runs):
        assert json.loads((run / "metrics.json").read_text())["fold"] == fold
        assert pd.read_csv(run / "predictions.csv")["image"].is_unique


@pytest.mark.slow
def test_adunis_folds_run_on_two_processes(sweep):
    runs = sweep("fold=0,1", "method=aduni")

    _check(runs)
    for run in runs:  # two batches of 32, of both processes together
        assert list(pd.read_csv(run / "history.csv")["images"]) == [64, 64]


@pytest.mark.slow
def test_two_processes_give_what_one_gives(sweep, train):
    """Without what is each process's own by design: batch norm and dropout."""
    size = ("dataset.image_size=32", "batch_size=31")
    same = (*size, "encoder.name=squeezenet1_1", "method=aduni", "method.dropout=0")
    (run,) = sweep("fold=0", *same)
    finished, alone = train(*same)

    assert finished.status == 0, finished.err
    files = [{str(path.relative_to(each)) for path in each.rglob("*")} for each in (run, alone)]
    pictures = {"curves.svg", "confusion.svg", "batch.png", "index.html"}  # not in `train`'s tests
    assert files[0] - files[1] - pictures == {"train_ddp_process_1.log"}
    assert files[1] <= files[0]
    rows = ["image", "part", "label"]
    predictions = [pd.read_csv(each / "predictions.csv") for each in (run, alone)]
    pd.testing.assert_frame_equal(predictions[0][rows], predictions[1][rows])
    pd.testing.assert_frame_equal(*predictions, rtol=1e-3, atol=1e-4)
    histories = [pd.read_csv(each / "history.csv").drop(columns="seconds") for each in (run, alone)]
    pd.testing.assert_frame_equal(*histories, rtol=1e-4)
    assert list(histories[0]["images"]) == [62, 62]
    states = [
        torch.load(each / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for each in (run, alone)
    ]
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key], rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.slow
def test_two_stages_of_two_folds_run_on_two_processes(sweep, tmp_path):
    folder = tmp_path / "conf" / "method"
    folder.mkdir(parents=True)
    (folder / "two_stages.yaml").write_text(TWO_STAGES)

    searchpath = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    runs = sweep("fold=0,1", searchpath, "method=two_stages")

    _check(runs)
    for run in runs:
        stages = pd.read_csv(run / "history.csv")["stage"]
        assert list(stages) == ["representation"] * 2 + ["classifier"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "methods",
    [["ecl", "paco"], pytest.param(networks(), marks=pytest.mark.exhaustive)],
    ids=["with queues or several views", "all"],
)
def test_methods_run_on_two_processes(sweep, aptos, methods):
    grades = ("dataset=aptos", f"dataset.root={aptos.root}", "dataset.image_size=32")
    runs = sweep(*grades, f"method={','.join(methods)}", "epochs=1", "batch_size=16")

    found = [json.loads((run / "metrics.json").read_text()) for run in runs]
    assert sorted(metrics["method"] for metrics in found) == sorted(methods)
    for run in runs:
        assert pd.read_csv(run / "history.csv")["loss"].notna().all()
