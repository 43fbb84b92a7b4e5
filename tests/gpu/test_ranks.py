"""Ranks that share one GPU, one rank under NCCL, and ends of several ranks on several GPUs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

TRAIN = Path(__file__).resolve().parents[2] / "src" / "train.py"
HERE = Path(__file__).resolve().parent
PATIENCE = 120
"""Seconds for what a test waits for before it looks at the clock: start-up, the first epoch."""
LIMIT = 30
"""Seconds from a fault to the end of all processes."""
FAILING = """
defaults:
  - ce
  - _self_
_target_: failing_method.Failing
"""


@pytest.fixture
def start(quick, accelerator, tmp_path):
    """Starts a training on several ranks: (the command, its run folder)."""
    commands = []

    def call(devices: int, *overrides: str, **variables: str):
        run = tmp_path / "run"
        words = [word for word in quick if not word.startswith("trainer=")]
        words += ["trainer=ddp", f"trainer.devices={devices}", f"trainer.accelerator={accelerator}"]
        folders = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), **variables}
        command = subprocess.Popen(
            [sys.executable, str(TRAIN), *words, f"hydra.run.dir={run}", *overrides],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        commands.append(command)
        return command, run

    yield call
    for command in commands:
        command.kill()


@pytest.fixture
def two(device) -> int:
    """Devices for two ranks."""
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    return 2


@pytest.fixture
def failing(start, two, tmp_path):
    """A training of which one rank fails in backward: (the command, the moment of the fault)."""
    folder, mark = tmp_path / "conf" / "method", tmp_path / "mark"
    folder.mkdir(parents=True)
    (folder / "failing.yaml").write_text(FAILING)

    def call(rank: int):
        search = f"hydra.searchpath=[file://{folder.parent}]"
        variables = {"FAILING_RANK": str(rank), "FAILING_MARK": str(mark)}
        command, _ = start(two, search, "method=failing", "epochs=50", **variables)
        wait_until(mark.exists, command)
        return command, time.monotonic()

    return call


def wait_until(condition, command) -> None:
    """Also until the command has ended, which the test then sees."""
    limit = time.monotonic() + PATIENCE
    while not condition() and command.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.05)


def end_of(command, since: float, limit: float = LIMIT) -> str:
    """Wait for all processes, which hold its standard error; return what was printed."""
    _, err = command.communicate(timeout=PATIENCE)
    assert time.monotonic() - since < limit, err
    assert "Traceback" not in err
    return err


def rank_one_of(run: Path) -> int:
    """Return the process of the second rank, whose command names the run folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = ((folder / name).read_text() for name in ("cmdline", "environ"))
        except OSError:  # it has ended
            continue
        if str(run) in words and "LOCAL_RANK=1" in variables.split("\0"):
            return int(folder.name)
    raise AssertionError("there is no second rank")


def test_one_rank_ends_soon_after_its_results(start, device):
    command, run = start(1)
    wait_until((run / "metrics.json").exists, command)
    end_of(command, time.monotonic(), 5 if device.type == "cuda" else LIMIT)

    assert command.returncode == 0
    assert (run / "metrics.json").exists()


def test_two_ranks_end_soon_after_their_results(start, two):
    command, run = start(two)
    wait_until((run / "metrics.json").exists, command)
    err = end_of(command, time.monotonic())

    assert command.returncode == 0, err
    assert list(pd.read_csv(run / "history.csv")["images"]) == [200, 200]


@pytest.mark.parametrize(
    ("rank", "sentence"),
    [
        (0, "The memory of the GPU ran out"),
        (1, "Process 1 of 2 ended with status 1 (train_ddp_process_1.log)"),
    ],
    ids=["first", "second"],
)
def test_a_rank_that_fails_in_backward_ends_all(failing, rank, sentence):
    command, since = failing(rank)
    err = end_of(command, since)

    assert command.returncode == 1
    assert f"error: {sentence}" in err


def test_a_killed_rank_ends_all(start, two):
    command, run = start(two, "epochs=1000")
    history = run / "history.csv"
    wait_until(lambda: history.exists() and len(pd.read_csv(history)) > 1, command)
    os.kill(rank_one_of(run), signal.SIGKILL)
    err = end_of(command, time.monotonic())

    assert command.returncode == 1
    assert "error: Process 1 of 2 was ended by SIGKILL" in err
