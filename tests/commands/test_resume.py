"""A run that was killed goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

OPTIONS = ("epochs=4", "sampler=upsample", "method=aduni")


def _weights(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture
def killed(root, quick, tmp_path, cache):
    """A run that SIGKILL met after its second epoch."""
    run = tmp_path / "killed"
    arguments = [*quick, *OPTIONS, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}"]
    process = subprocess.Popen(
        [sys.executable, root / "src" / "train.py", *arguments],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    history = run / "history.csv"
    while process.poll() is None and not (history.exists() and len(pd.read_csv(history)) >= 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return run


def test_two_epochs_and_two_more_are_four(train, command, killed, metrics):
    whole = train(*OPTIONS, folder="whole")[1]
    assert not (killed / "metrics.json").exists()
    finished = command("train", f"resume={killed}")

    assert finished.status == 0, finished.err
    assert metrics(whole) == metrics(killed)
    first, second = _weights(whole), _weights(killed)
    assert all(torch.equal(first[key], second[key]) for key in first)
    columns = ["epoch", "loss", "alpha", "lr", "validation_macro_f1"]
    histories = [pd.read_csv(run / "history.csv")[columns] for run in (whole, killed)]
    pd.testing.assert_frame_equal(*histories)


@pytest.mark.parametrize("change", ["alpha.maximum=0.5", "alpha=constant", "seed=1", "method=ce"])
def test_a_resume_cannot_change_the_configuration(train, change):
    _, run = train("epochs=1")
    (run / "metrics.json").unlink()
    finished, _ = train("epochs=1", f"resume={run}", change)

    assert finished.status == 1
    assert f"{change.split('=')[0]} cannot be changed by a resume" in finished.err


def test_the_split_stays_whatever_became_of_the_data(train, root):
    _, run = train("epochs=1")
    (run / "metrics.json").unlink()
    split = pd.read_csv(run / "split.csv")
    split.drop(index=0).to_csv(run / "split.csv", index=False)
    finished, _ = train("epochs=1", f"resume={run}")

    assert finished.status == 1
    assert "split.csv is the split of other images" in finished.err


def test_what_no_result_depends_on_may_change(train, tmp_path):
    _, run = train("epochs=1")
    (run / "metrics.json").unlink()
    cache = tmp_path / "moved"
    finished, _ = train("epochs=1", f"resume={run}", "num_workers=1", f"dataset.cache_dir={cache}")

    assert finished.status == 0, finished.err
    assert list(cache.iterdir())


def test_an_option_is_called_by_its_name(train):
    _, run = train("epochs=1")
    (run / "metrics.json").unlink()
    finished, _ = train("epochs=1", f"resume={run}", "alpha=constant")

    assert "was started with alpha=released" in finished.err


def test_a_finished_run_returns_at_once(train):
    _, run = train("epochs=1")
    written = (run / "metrics.json").stat().st_mtime_ns
    finished, _ = train("epochs=1", f"resume={run}")

    assert finished.status == 0
    assert "macro F1" in finished.out
    assert (run / "metrics.json").stat().st_mtime_ns == written


def test_a_damaged_configuration_is_refused(train):
    _, run = train("epochs=1")
    (run / "metrics.json").unlink()
    (run / "config.yaml").write_text("epochs: [")
    finished, _ = train(f"resume={run}")

    assert finished.status == 1
    assert "config.yaml is not readable as YAML" in finished.err
