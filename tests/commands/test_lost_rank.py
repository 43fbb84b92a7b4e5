"""A process of several is killed: all end, with one sentence, and the run can be resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

LIMIT = 60  # seconds that the command may take to its end
PATIENCE = 300  # seconds; on a busy machine, Python alone may take one minute to start
DDP = ("trainer=ddp", "trainer.accelerator=cpu")

pytestmark = pytest.mark.slow


@pytest.fixture
def begin(root, quick, cache, tmp_path):
    """Starts a long training on several processes: (the command, its run folder)."""
    commands = []

    def call(devices: int, *overrides: str):
        run = tmp_path / "run"
        command = subprocess.Popen(
            [
                *(sys.executable, str(root / "src" / "train.py")),
                *(option for option in quick if option != "trainer=cpu"),
                *(*DDP, f"trainer.devices={devices}", "epochs=1000", "sampler.epoch_length=null"),
                *(f"dataset.cache_dir={cache}", f"hydra.run.dir={run}", *overrides),
            ],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        commands.append(command)
        return command, run

    yield call
    for command in commands:
        command.kill()


def wait_until(condition) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)


def in_mid_epoch(command, run: Path) -> None:
    """Two epochs have left their checkpoints, and the third has begun."""
    history = run / "history.csv"
    wait_until(
        lambda: command.poll() is not None or (history.exists() and len(pd.read_csv(history)) > 1)
    )
    assert command.poll() is None, command.stderr.read()
    time.sleep(0.2)


def family(run: Path) -> dict[int, int]:
    """Processes whose command names the run folder, and their numbers: 0 is the first."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text()
            places = (folder / "environ").read_text().split("\0")
        except OSError:  # it has ended
            continue
        if str(run) in words:
            numbers = [place for place in places if place.startswith("LOCAL_RANK=")]
            found[int(numbers[0].split("=")[1]) if numbers else 0] = int(folder.name)
    return found


@pytest.mark.parametrize(
    ("devices", "lost"), [(2, 1), (2, 0), pytest.param(4, 2, marks=pytest.mark.exhaustive)]
)
def test_a_killed_process_ends_the_command_with_one_sentence(begin, devices, lost):
    command, run = begin(devices)
    in_mid_epoch(command, run)
    processes = family(run)
    assert set(processes) == set(range(devices))

    os.kill(processes[lost], signal.SIGKILL)
    _, err = command.communicate(timeout=LIMIT)  # all of them hold its stderr
    wait_until(lambda: not family(run))

    errors = [line for line in err.splitlines() if "rror" in line]
    who = f"Process {lost} of {devices} was ended by SIGKILL" if lost else "The first process was"
    assert command.returncode == (1 if lost else -signal.SIGKILL)
    assert len(errors) == 1, err
    assert errors[0].startswith(f"error: {who}")
    assert f"resume={run} continues the run" in errors[0]
    assert "Traceback" not in err
    log = "train.log" if lost else "train_ddp_process_1.log"
    assert errors[0].removeprefix("error: ") in (run / log).read_text()
    assert (run / "checkpoints" / "last.ckpt").exists()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_signal_to_one_process_stops_all(begin, lost):
    command, run = begin(2)
    in_mid_epoch(command, run)
    begun = time.monotonic()

    os.kill(family(run)[lost], signal.SIGTERM)
    _, err = command.communicate(timeout=LIMIT)

    assert time.monotonic() - begun < 30
    assert command.returncode == 128 + signal.SIGTERM
    errors = [line for line in err.splitlines() if "rror" in line]
    assert errors == [f"error: stopped by SIGTERM; resume={run} continues the run."]
    wait_until(lambda: not family(run))


def test_nobody_is_left_when_the_listener_is_gone_too(begin):
    command, run = begin(2)
    in_mid_epoch(command, run)

    command.stderr.close()
    command.kill()

    wait_until(lambda: not family(run))


def resume(root: Path, run: Path, devices: int) -> None:
    resumed = subprocess.run(
        [
            *(sys.executable, str(root / "src" / "train.py"), f"resume={run}"),
            f"trainer.devices={devices}",
        ],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert resumed.returncode == 0, resumed.stderr


def read_history(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "history.csv").drop(columns="seconds")


@pytest.mark.parametrize("devices", [1, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_what_is_left_is_resumed_by_another_number_of_processes(begin, root, devices):
    killed, run = begin(2, "epochs=6")
    in_mid_epoch(killed, run)
    os.kill(family(run)[1], signal.SIGKILL)
    killed.communicate(timeout=LIMIT)
    before = read_history(run).head(1)

    resume(root, run, devices)

    after = read_history(run)
    assert list(after["epoch"]) == list(range(6))
    assert list(after["images"]) == [352] * 6
    pd.testing.assert_frame_equal(after.head(1), before)
    assert (run / "metrics.json").exists()


def test_as_many_processes_repeat_the_undisturbed_run(begin, root, tmp_path):
    whole, undisturbed = begin(2, "epochs=6")
    _, err = whole.communicate(timeout=PATIENCE)
    assert whole.returncode == 0, err
    undisturbed = undisturbed.rename(tmp_path / "whole")
    killed, run = begin(2, "epochs=6")
    in_mid_epoch(killed, run)
    os.kill(family(run)[1], signal.SIGKILL)
    killed.communicate(timeout=LIMIT)

    resume(root, run, 2)

    pd.testing.assert_frame_equal(read_history(run), read_history(undisturbed))
    first, second = (
        torch.load(each / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for each in (run, undisturbed)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    predictions = [(each / "predictions.csv").read_bytes() for each in (run, undisturbed)]
    assert predictions[0] == predictions[1]


def test_a_fault_of_one_process_ends_all(begin, tmp_path):
    """Here the second one meets a folder in place of its log file."""
    (tmp_path / "run" / "train_ddp_process_1.log").mkdir(parents=True)
    command, run = begin(2)

    _, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 1
    assert "error: Process 1 of 2 ended with status 1 (train_ddp_process_1.log)" in err
    assert not family(run)


def test_a_mistake_of_all_is_told_once(begin):
    command, run = begin(2, "batch_size=2", "trainer.devices=3")

    _, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 1
    assert err.count("error: ") == 1
    assert "batch_size=2 gives batches of 2 images to 3 processes" in err
    assert not family(run)


def test_synchronised_batch_norm_asks_for_gpus(begin):
    command, _ = begin(2, "trainer.sync_batchnorm=true")

    _, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 1
    assert err.count("error: ") == 1
    assert "set trainer.sync_batchnorm=false" in err
