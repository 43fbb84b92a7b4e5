"""SIGKILL at any moment: the same command goes on, and the run ends as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

METHODS = {
    "aduni": ("method=aduni", "sampler=upsample"),
    "paco": ("method=paco", "method.queue_size=48"),
    "decouple": ("method=decouple", "method.classifier_share=1"),
    "balms": ("method=balms", "method.classifier_share=1"),
}
RANDOM_KILLS = 5  # of each method
SOME_MOMENTS = [
    ("aduni", "renamed best.ckpt"),  # between best and last
    ("aduni", "rename split.csv"),
    ("decouple", "rename representation/previous.ckpt"),
    ("decouple", "half checkpoints/best.ckpt"),
    ("aduni", "half metrics.json"),
]
OTHER_MOMENTS = [
    *(("aduni", f"half {name}") for name in ("best.ckpt", "last.ckpt")),
    *(("aduni", f"rename {name}") for name in ("config.yaml", "previous.ckpt")),
    *(("paco", f"{when} checkpoints/last.ckpt") for when in ("rename", "renamed")),
    ("paco", "rename history.csv"),
    ("decouple", "renamed representation/previous.ckpt"),
    ("decouple", "renamed checkpoints/best.ckpt"),
    *(("balms", f"{when} checkpoints/best.ckpt") for when in ("rename", "renamed")),
    *(("balms", f"half {name}") for name in ("predictions.csv", "metrics.json")),
    ("aduni", "renamed predictions.csv"),
]
PATIENCE = 300  # seconds


class Server:
    """Trains in processes that have torch imported already."""

    def __init__(self, root: Path, options: tuple[str, ...]) -> None:
        self._options = options
        self._process = subprocess.Popen(
            [sys.executable, root / "tests" / "commands" / "fork_server.py"],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def train(self, method: str, run: Path, death: str = "") -> int:
        """The exit status of a run; fork_server.py has the kinds of death."""
        overrides = [*self._options, *METHODS[method], f"hydra.run.dir={run}", "resume=auto"]
        self._process.stdin.write(json.dumps([death, *overrides]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = Path(__file__).resolve().parents[2]
    options = (
        *("encoder.name=squeezenet1_1", "sampler=none", "sampler.epoch_length=2", "epochs=3"),
        *("dataset.image_size=32", "batch_size=40", "num_workers=1", "trainer=cpu"),
        f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}",
    )
    made = Server(root, options)
    yield made
    made.end()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """Undisturbed runs: (what is left of one, the seconds it took)."""
    made = {}

    def of(method: str):
        if method not in made:
            run = tmp_path_factory.mktemp(method) / "whole"
            server.train(method, run)  # builds the cache, and warms up
            begun = time.monotonic()
            run = run.with_name("timed")
            assert server.train(method, run) == 0
            made[method] = (_left(run), time.monotonic() - begun)
        return made[method]

    return of


def _left(run: Path) -> dict[str, object]:
    """All that a run leaves, without what time decides."""
    metrics = json.loads((run / "metrics.json").read_text())
    for key in ("train_seconds", "images_per_second", "git_commit"):
        metrics.pop(key)
    left = {
        "metrics": metrics,
        "predictions": (run / "predictions.csv").read_text(),
        "history": pd.read_csv(run / "history.csv").drop(columns="seconds").to_csv(),
    }
    for file in sorted(run.rglob("*.ckpt")):
        if file.name == "previous.ckpt":  # a spare: a kill at its last renaming leaves an older one
            continue
        content = torch.load(file, weights_only=True)
        name = str(file.relative_to(run))
        left[f"{name} epoch"] = content["epoch"]
        left |= {f"{name} {key}": value for key, value in content["state_dict"].items()}
        for number, state in content["optimizer_states"][0]["state"].items():
            left[f"{name} momentum {number}"] = state["momentum_buffer"]
    return left


def _differing(first: dict[str, object], second: dict[str, object]) -> list[str]:
    def equal(one: object, other: object) -> bool:
        if isinstance(one, torch.Tensor):
            return torch.equal(one, other)
        if isinstance(one, dict):  # state of the meta sampler's optimiser
            return set(one) == set(other) and all(equal(one[key], other[key]) for key in one)
        return one == other

    assert set(first) == set(second)
    return [key for key in first if not equal(first[key], second[key])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "moment"),
    [*SOME_MOMENTS, *(pytest.param(*m, marks=pytest.mark.exhaustive) for m in OTHER_MOMENTS)],
)
def test_a_kill_amid_writing_changes_nothing(server, whole, tmp_path, method, moment):
    run = tmp_path / "run"
    expected, _ = whole(method)

    assert server.train(method, run, moment) == -signal.SIGKILL
    assert server.train(method, run) == 0
    assert _differing(expected, _left(run)) == []
    assert {folder.name for folder in tmp_path.iterdir()} == {"run"}


@pytest.mark.exhaustive
def test_kills_at_random_moments_change_nothing(server, whole, tmp_path, capsys):
    draw = random.Random(0)
    tried = survived = 0
    for method in METHODS:
        expected, seconds = whole(method)
        for number in range(RANDOM_KILLS):
            run = tmp_path / f"{method}{number}"
            after = draw.random() * seconds
            while server.train(method, run, f"after {after}") == 0:  # had ended before
                shutil.rmtree(run)
                after = draw.random() * seconds
            rows = len(pd.read_csv(run / "history.csv")) if (run / "history.csv").exists() else 0
            resumed = server.train(method, run)
            tried += 1
            differing = _differing(expected, _left(run)) if resumed == 0 else [f"status {resumed}"]
            survived += not differing
            with capsys.disabled():
                moment = f"{after:.2f} s of {seconds:.2f}, {rows} epochs"
                print(f"\n{method}: killed at {moment}: {differing or 'identical'}", end="")
    with capsys.disabled():
        print(f"\n{survived} kills survived of {tried} tried")

    assert survived == tried
