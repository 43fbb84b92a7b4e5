"""A whole reproduction through the command line: interrupted, shared, resumed, finished."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from aduni.results.plan import read_plan, run_folder, state_of
from aduni.system.atomic_files import read_json

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900  # seconds for one call on a busy machine

PROFILE = """
defaults:
  - smoke
  - _self_

rows: [CE, BALMS, AdUni]
floors: []
alphas: [released]
samplers: [none, sqrt]
overrides:
  - epochs=2
  - sampler.epoch_length=2
  - encoder.name=shufflenet_v2_x0_5
  - batch_size=40
  - num_workers=0
  - trainer=cpu
"""
RUNS = 4 * 2  # AdUni stands in both tables

# Importing torch fails where this folder is on the path.
NO_TORCH = 'raise ImportError("torch is not to be imported")\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Write the profiles of this test, and a cache."""
    folder = tmp_path_factory.mktemp("reproduction")
    (folder / "conf" / "profile").mkdir(parents=True)
    (folder / "conf" / "profile" / "tiny.yaml").write_text(PROFILE)
    (folder / "no_torch" / "torch").mkdir(parents=True)
    (folder / "no_torch" / "torch" / "__init__.py").write_text(NO_TORCH)
    return folder


def _start(place: Path, out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    fixed = ["profile=tiny", f"hydra.searchpath=[file://{place / 'conf'}]", f"output={out}"]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "src" / "reproduce.py"), *fixed, *words],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "ADUNI_CACHE": str(place / "cache"),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def _states(out: Path) -> list[str]:
    plan = read_plan(out)
    return [state_of(run_folder(out, run)) for run in plan.runs] if plan else []


def _tables(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "tables" / "tables.csv")


@pytest.fixture(scope="module")
def undisturbed(place) -> Path:
    """Run a reproduction by two calls at the same time."""
    out = place / "undisturbed"
    first = _start(place, out)
    second = _start(place, out)
    results = [_finish(process) for process in (first, second)]
    for status, printed, err in results:
        assert status == 0, err
        assert printed.strip().splitlines()[-1] == str(out / "index.html")
    starts = [line for _, printed, _ in results for line in printed.splitlines() if "start" in line]
    assert len(starts) == len(set(starts)) == RUNS, "something was trained twice"
    return out


@pytest.mark.slow
def test_two_calls_at_once_finish_everything_once(undisturbed):
    assert _states(undisturbed) == ["done"] * RUNS
    tables = _tables(undisturbed)
    assert set(tables["row"]) == {"CE", "BALMS", "AdUni", "w/o sampling", "SqRt sampling"}
    assert (tables["folds"] == 2).all()
    adunis = tables[(tables["row"].isin(["AdUni", "w/o sampling"]))]
    assert adunis.groupby("figure")["mean"].nunique().eq(1).all()
    figures = {file.stem for file in (undisturbed / "figures").glob("*.svg")}
    assert {"digits_embedding", "digits_curves", "digits_loss_by_class"} <= figures


@pytest.mark.slow
def test_first_stages_are_shared(undisturbed):
    plan = read_plan(undisturbed)
    balms = [run for run in plan.runs if run.first_stage]
    assert len(balms) == 2
    for run in balms:
        stage = read_json(run_folder(undisturbed, run).metrics)["stages"][0]
        assert stage["epochs"] == 0
        assert run.first_stage in stage["handed_over"]


@pytest.mark.slow
def test_a_second_call_trains_nothing_and_needs_no_torch(place, undisturbed):
    before = (undisturbed / "index.html").stat().st_mtime_ns
    process = _start(place, undisturbed, PYTHONPATH=str(place / "no_torch"))
    status, printed, err = _finish(process)
    assert status == 0, err
    banner, page = printed.splitlines()
    assert banner.startswith("AdUni ")
    assert page == str(undisturbed / "index.html")
    assert (undisturbed / "index.html").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_report_needs_no_torch_either(place, undisturbed, tmp_path):
    command = [sys.executable, "src/report.py", f"runs={undisturbed}", f"output={tmp_path}"]
    environment = {**os.environ, "PYTHONPATH": str(place / "no_torch")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(_tables(tmp_path), _tables(undisturbed))


@pytest.mark.exhaustive
def test_killed_at_three_random_moments_it_ends_with_the_same_tables(place, undisturbed):
    out = place / "killed"
    rng = random.Random(time.time_ns())
    for _ in range(3):
        process = _start(place, out)
        wanted = len(_states(out)) and _states(out).count("done") + rng.randint(0, 2)
        limit = time.monotonic() + rng.uniform(20, 90)
        while time.monotonic() < limit and process.poll() is None:
            if wanted and _states(out).count("done") > wanted:
                break
            time.sleep(rng.uniform(0, 0.5))
        with contextlib.suppress(ProcessLookupError):  # it may have come to its end before
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    status, _, err = _finish(_start(place, out))
    assert status == 0, err
    figures = ["table", "row", "figure", "mean", "deviation", "folds"]
    of_time = ["train_seconds"]
    killed, whole = (
        frame[~frame["figure"].isin(of_time)][figures] for frame in map(_tables, (out, undisturbed))
    )
    pd.testing.assert_frame_equal(killed, whole)


@pytest.mark.slow
def test_a_failed_run_is_listed_and_stops_no_other(place, tmp_path):
    out = tmp_path / "failing"
    words = (
        "tables=1",
        "profile.rows=[CE,LDAM]",
        "profile.features=[]",
        "profile.alphas=[]",
        "profile.folds=[0]",
        "methods.rows.2.overrides=['method=ldam','sampler=none','method.scale=-1']",
    )
    status, _, err = _finish(_start(place, out, *words))
    assert status == 1
    assert "1 of 2 runs failed" in err
    assert "method.scale=-1" in err
    assert sorted(_states(out)) == ["done", "failed"]
    page = (out / "index.html").read_text()
    assert "failed" in page
    assert "method.scale=-1" in page
    failure = next(out.glob("runs/*/failure.json"))
    assert json.loads(failure.read_text())["status"] == 1
    status, _, _ = _finish(_start(place, out, *words))
    assert status == 1, "it is tried again"


@pytest.mark.slow
def test_submitit_runs_a_job(place, tmp_path):
    out = tmp_path / "cluster"
    words = (
        "launcher=submitit_local",
        "hydra.launcher.timeout_min=10",
        "tables=1",
        "profile.rows=[CE]",
        "profile.features=[]",
        "profile.alphas=[]",
        "profile.folds=[0]",
    )
    status, _, err = _finish(_start(place, out, *words))
    assert status == 0, err
    assert _states(out) == ["done"]
