"""A disk that is full, or not to be written to: one sentence, and what was whole stays whole."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from aduni.system.atomic_files import atomic_write, write_npy

SRC = Path(__file__).resolve().parents[2] / "src"

# A file system of its own in a name space of its own.
TMPFS = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift && folder="$1" && shift && "$@"'

QUICK = (
    *("method=ce", "encoder.name=shufflenet_v2_x0_5", "sampler=none", "sampler.epoch_length=2"),
    *("epochs=2", "batch_size=32", "num_workers=0", "trainer=cpu"),
)


@pytest.fixture
def limited(command):
    """Return a function that runs a command while no file may grow beyond some bytes."""

    def call(limit: int, name: str, *options: str):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Python ignores the signal, so that the write fails.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            return command(name, *options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return call


def one_sentence(status: int, errors: str, *words: str) -> None:
    assert status == 1, errors
    assert "Traceback" not in errors
    sentence = errors.splitlines()[-1]
    assert sentence.startswith("error: ")
    for word in words:
        assert word in sentence


def nothing_half_written(run: Path) -> None:
    assert not list(run.rglob("*.part"))
    for file in run.rglob("*.ckpt"):
        assert "state_dict" in torch.load(file, weights_only=True)
    for file in run.rglob("*.csv"):
        assert len(pd.read_csv(file))


@pytest.fixture
def resized(past_run) -> None:
    """The cache is there before the disk is full."""
    past_run("epochs=1", "method=ce", folder="before")


def options(cache: Path, run: Path) -> tuple[str, ...]:
    return (*QUICK, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")


def test_no_room_for_a_checkpoint(resized, limited, cache, tmp_path):
    run = tmp_path / "run"
    finished = limited(300_000, "train", *options(cache, run))

    one_sentence(finished.status, finished.err, "ckpt")
    nothing_half_written(run)
    assert not list(run.rglob("*.ckpt"))
    assert not (run / "metrics.json").exists()


def test_no_room_for_the_split(resized, limited, cache, tmp_path):
    run = tmp_path / "run"
    finished = limited(8_000, "train", *options(cache, run))

    one_sentence(finished.status, finished.err, "split.csv")
    nothing_half_written(run)
    assert not (run / "config.yaml").exists()


def test_no_room_for_predictions(past_run, command, limited, tmp_path):
    run = past_run("epochs=1", "method=ce")
    output = tmp_path / "again"
    finished = limited(
        20_000,
        *("evaluate", f"ckpt={run}/checkpoints/best.ckpt", f"output={output}"),
    )

    one_sentence(finished.status, finished.err, "predictions.csv")
    assert not (output / "metrics.json").exists()
    nothing_half_written(output)
    again = command("evaluate", f"ckpt={run}/checkpoints/best.ckpt", f"output={output}")
    assert again.status == 0, again.err


@pytest.mark.parametrize(("limit", "file"), [(300, "predictions.csv"), (8_000, "features.npy")])
def test_no_room_for_predictions_of_ones_own(past_run, limited, tmp_path, limit, file):
    run = past_run("epochs=1", "method=ce")
    images = tmp_path / "images"
    images.mkdir()
    for number in range(9):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(images / f"{number}.png")
    output = tmp_path / "out"
    finished = limited(
        limit,
        *("predict", f"ckpt={run}/checkpoints/best.ckpt", f"images={images}"),
        f"output={output}/predictions.csv",
        *([f"embeddings={output}/features.npy"] if file == "features.npy" else []),
    )

    one_sentence(finished.status, finished.err, str(output / file), "free space there")
    assert not list(output.iterdir())


@pytest.mark.parametrize(("limit", "file"), [(4_000, "figures/"), (20_000, "index.html")])
def test_no_room_for_an_explanation(past_run, limited, tmp_path, limit, file):
    run = past_run("epochs=1", "method=ce")
    picture = tmp_path / "a.png"
    Image.effect_noise((64, 64), 50).convert("RGB").save(picture)
    output = tmp_path / "explanation"
    finished = limited(
        limit,
        *("explain", f"ckpt={run}/checkpoints/best.ckpt", f"images={picture}", "errors=0"),
        *(f"output={output}", "neighbours=0", *(["layer=none"] if file == "index.html" else [])),
    )

    one_sentence(finished.status, finished.err, f"{output}/{file}", "free space there")
    assert ".report-" not in finished.err
    assert [path.name for path in output.iterdir()] in ([], [".report.lock"])


def test_no_room_for_contact_sheets(command, limited, cache, tmp_path):
    made = command("prepare", f"dataset.cache_dir={cache}", f"output={tmp_path}/before")
    assert made.status == 0, made.err
    finished = limited(
        2_000,
        *("prepare", f"dataset.cache_dir={cache}", f"output={tmp_path}/audit"),
    )

    one_sentence(finished.status, finished.err, f"{tmp_path}/audit/0_0.jpg", "free space there")
    assert not list((tmp_path / "audit").iterdir())


@pytest.mark.parametrize("width", [1, 3, 512])
def test_an_array_is_written_as_numpy_reads_it(tmp_path, width):
    array = np.arange(6 * width, dtype=np.float32).reshape(6, width)
    for each in (array, array[::2], array.T, array[:0]):
        write_npy(each, tmp_path / "a.npy")
        read = np.load(tmp_path / "a.npy", allow_pickle=False)
        assert read.dtype == each.dtype
        assert np.array_equal(read, each)


def test_no_room_for_a_report(past_run, command, limited, tmp_path):
    run = past_run("epochs=1", "method=ce")
    output = tmp_path / "report"
    made = command("report", f"runs={run}", f"output={output}")
    assert made.status == 0, made.err
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    finished = limited(
        4_000,
        *("report", f"runs={run}", f"output={output}", "columns=[macro_auroc]"),
    )

    one_sentence(finished.status, finished.err, str(output), "free space there")
    assert ".report-" not in finished.err
    assert re.search(r"(index\.html|tables/\S+|figures/\S+): ", finished.err)
    after = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_a_file_system_that_fills_up_in_mid_training(resized, cache, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "-rm", "sh", "-c", TMPFS, "sh"]
    if subprocess.run([*mount, "1m", disk, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    # A checkpoint takes 3 MB: that of the second epoch does not fit beside the first one's.
    keep = f'"$@"; status=$?; cp -r {disk}/run {tmp_path}/kept; exit $status'
    train = [sys.executable, str(SRC / "train.py"), *options(cache, disk / "run"), "epochs=40"]
    finished = subprocess.run(
        [*mount, "7m", disk, "sh", "-c", keep, "sh", *train],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    one_sentence(finished.returncode, finished.stderr)
    nothing_half_written(tmp_path / "kept")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_to_be_written_to(train, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    finished, _ = train(folder="locked/run")

    assert finished.status == 1
    assert str(tmp_path / "locked") in finished.err
    assert "permissions" in finished.err


def test_no_room_for_the_history(train, monkeypatch):
    def full(frame: pd.DataFrame, path: Path) -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("stage,epo")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("aduni.results.history_csv.write_csv", full)
    finished, run = train("epochs=1")

    assert finished.status == 1
    where = run / "history.csv"
    last = finished.err.splitlines()[-1]
    assert last == f"error: {where}: No space left on device; free space there."
    nothing_half_written(run)
    assert not where.exists()
