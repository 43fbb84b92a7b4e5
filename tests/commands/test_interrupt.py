"""Ctrl-C and SIGTERM: one sentence that says how to go on, and the conventional status."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 300  # seconds; on a busy machine, Python alone may take one minute to start


WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped by SIGTERM"}


@pytest.fixture
def stop(root, quick, cache, tmp_path):
    """Sends a signal to a training after its first epoch: (status, errors, seconds it took)."""

    def call(number: int, run, *overrides: str, options=()) -> tuple[int, str, float]:
        training = subprocess.Popen(
            [
                *(sys.executable, str(root / "src" / "train.py"), *options, *quick),
                *(f"dataset.cache_dir={cache}", *overrides),
            ],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            limit = time.monotonic() + PATIENCE
            while not (run / "checkpoints" / "last.ckpt").exists():
                assert training.poll() is None
                assert time.monotonic() < limit
                time.sleep(0.05)
            training.send_signal(number)
            begun = time.monotonic()
            _, err = training.communicate(timeout=PATIENCE)
        finally:
            training.kill()
        return training.returncode, err, time.monotonic() - begun

    return call


def _check(stopped, number: int, run) -> None:
    status, err, seconds = stopped
    assert status == 128 + number
    said = [line for line in err.splitlines() if not line.startswith("Initializing distributed")]
    assert said == [f"error: {WORDS[number]}; resume={run} continues the run."]
    assert seconds < 30
    assert f"resume={run} continues the run" in (run / "train.log").read_text()


def test_a_stopped_training_says_how_it_is_continued(stop, tmp_path):
    run = tmp_path / "run"
    stopped = stop(signal.SIGTERM, run, "epochs=1000", f"hydra.run.dir={run}")

    _check(stopped, signal.SIGTERM, run)


@pytest.mark.slow
@pytest.mark.parametrize("number", WORDS)
def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    stop, train, past_run, metrics, tmp_path, number
):
    options = ("epochs=8", "num_workers=1")
    run = tmp_path / "stopped"
    _check(stop(number, run, *options, f"hydra.run.dir={run}"), number, run)
    assert not (run / "metrics.json").exists()
    finished, _ = train(*options, "resume=auto", folder="stopped")
    whole = past_run(*options, folder="whole")

    assert finished.status == 0, finished.err
    assert metrics(run) == metrics(whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", WORDS)
def test_a_sweep_stops_with_its_job(stop, tmp_path, number):
    first, second = (tmp_path / f"{job}_digits_aduni_fold{job}_seed0" for job in (0, 1))
    jobs = ("epochs=1000", "fold=0,1", f"hydra.sweep.dir={tmp_path}")
    _check(stop(number, first, *jobs, options=["-m"]), number, first)

    assert not second.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", WORDS)
def test_two_processes_stop_together(stop, tmp_path, number):
    run = tmp_path / "run"
    processes = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
    options = (*processes, "epochs=1000", f"hydra.run.dir={run}")
    _check(stop(number, run, *options), number, run)


def _interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "place"),
    [("train", "aduni.training.start.run"), ("prepare", "aduni.auditing.report.prepare")],
)
def test_what_cannot_be_resumed_is_to_be_started_again(command, monkeypatch, tmp_path, name, place):
    monkeypatch.setattr(place, _interrupt)
    finished = command(name, f"hydra.run.dir={tmp_path}")

    assert finished.status == 130
    assert finished.err == "error: interrupted; start it again.\n"


def test_an_interruption_before_the_job_is_a_sentence_too(monkeypatch, capsys):
    from aduni.cli.app import run_command

    with pytest.raises(SystemExit) as stop:
        run_command(_interrupt)

    assert stop.value.code == 130
    assert capsys.readouterr().err == "error: interrupted before it began; start it again.\n"


def test_an_interruption_of_the_imports_is_a_sentence_too(root, tmp_path):
    training = subprocess.Popen(
        [sys.executable, root / "src" / "train.py", f"hydra.run.dir={tmp_path / 'run'}"],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        maps = Path(f"/proc/{training.pid}/maps")
        limit = time.monotonic() + PATIENCE
        while "libtorch_cpu" not in maps.read_text():  # its import goes on for a second
            assert time.monotonic() < limit
            time.sleep(0.01)
        training.send_signal(signal.SIGINT)
        _, err = training.communicate(timeout=PATIENCE)
    finally:
        training.kill()

    assert training.returncode == 130
    assert err == "error: interrupted; start it again.\n"
