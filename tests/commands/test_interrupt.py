"""Ctrl-C: one sentence that says how to go on, and status 130."""

import os
import signal
import subprocess
import sys
import time

import pytest

PATIENCE = 300  # seconds; on a busy machine, Python alone may take one minute to start


def test_an_interrupted_training_says_how_it_is_continued(root, quick, cache, tmp_path):
    run = tmp_path / "run"
    changed = ("epochs=1000", f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")
    training = subprocess.Popen(
        [sys.executable, str(root / "src" / "train.py"), *quick, *changed],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        limit = time.monotonic() + PATIENCE
        while not (run / "history.csv").exists():
            assert training.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        _, err = training.communicate(timeout=PATIENCE)
    finally:
        training.kill()

    assert training.returncode == 130
    assert err == f"error: interrupted; resume={run} continues the run.\n"
    assert f"resume={run} continues the run" in (run / "train.log").read_text()


def _interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "place"), [("train", "aduni.run.run"), ("prepare", "aduni.prepare.prepare")]
)
def test_what_cannot_be_resumed_is_to_be_started_again(command, monkeypatch, tmp_path, name, place):
    monkeypatch.setattr(place, _interrupt)
    finished = command(name, f"hydra.run.dir={tmp_path}")

    assert finished.status == 130
    assert finished.err == "error: interrupted; start it again.\n"


def test_an_interruption_before_the_job_is_a_sentence_too(monkeypatch, capsys):
    from aduni.command import run_command

    with pytest.raises(SystemExit) as stop:
        run_command(_interrupt)

    assert stop.value.code == 130
    assert capsys.readouterr().err == "error: interrupted before it began; start it again.\n"
