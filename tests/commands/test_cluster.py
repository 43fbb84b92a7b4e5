"""Other ways to begin several processes: Hydra's submitit launcher, and torchrun."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from composing import settings_of

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


@pytest.fixture
def call(root, quick, cache):
    """Runs a quick training of two processes to its end."""

    def run(*words: str) -> None:
        finished = subprocess.run(
            [
                *(sys.executable, *words, *TWO, f"dataset.cache_dir={cache}"),
                *(option for option in quick if option != "trainer=cpu"),
            ],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert finished.returncode == 0, finished.stderr

    return run


def test_the_slurm_configuration_of_the_documentation_composes():
    settings = settings_of(
        "hydra/launcher=submitit_slurm",
        *("hydra.launcher.nodes=2", "hydra.launcher.tasks_per_node=4"),
        *("hydra.launcher.gpus_per_node=4", "hydra.launcher.timeout_min=600"),
        *("trainer=ddp", "trainer.num_nodes=2", "trainer.devices=4"),
    )

    assert settings.trainer["num_nodes"] * settings.trainer["devices"] == 8
    assert settings.trainer["strategy"] == {"_target_": "aduni.distributed.MonitoredDDPStrategy"}


@pytest.mark.slow
def test_submitit_launches_jobs_of_two_processes(call, tmp_path):
    sweep = tmp_path / "sweep"

    call(
        "src/train.py",
        "-m",
        "hydra/launcher=submitit_local",
        "fold=0,1",
        f"hydra.sweep.dir={sweep}",
    )

    runs = sorted(folder for folder in sweep.iterdir() if not folder.name.startswith("."))
    found = [json.loads((run / "metrics.json").read_text())["fold"] for run in runs if run.is_dir()]
    assert found == [0, 1]
    for run in filter(lambda folder: folder.is_dir(), runs):
        assert (run / "train_ddp_process_1.log").exists()


@pytest.mark.slow
def test_torchrun_begins_the_processes(call, tmp_path):
    run = tmp_path / "run"

    call(
        "-m", "torch.distributed.run", "--nproc-per-node=2", "src/train.py", f"hydra.run.dir={run}"
    )

    assert list(pd.read_csv(run / "history.csv")["images"]) == [64, 64]
    assert pd.read_csv(run / "predictions.csv")["image"].is_unique


@pytest.mark.slow
def test_processes_in_different_folders_are_refused(root, quick, cache, tmp_path):
    """As where each reads the clock by itself for the folder's name."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(29000 + os.getpid() % 1000)}
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "src/train.py", *TWO, f"dataset.cache_dir={cache}"),
                *(option for option in quick if option != "trainer=cpu"),
                f"hydra.run.dir={tmp_path / str(number)}",
            ],
            cwd=root,
            env={**os.environ, **place, "OMP_NUM_THREADS": "1", "LOCAL_RANK": str(number)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]

    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "give them one on a shared disk with hydra.run.dir=" in err
