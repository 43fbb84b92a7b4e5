"""Running the commands in this process: what they print, leave behind, and exit with."""

import contextlib
import hashlib
import json
import logging
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from aduni.metrics import samples

ROOT = Path(__file__).resolve().parents[2]

# A small network, few batches: these tests are about everything but the figures.
QUICK = (
    "encoder=resnet18",
    "encoder.name=shufflenet_v2_x0_5",
    "encoder.adaptation=full",
    "sampler=none",
    "sampler.epoch_length=2",
    "epochs=2",
    "batch_size=32",
    "num_workers=0",
    "trainer=cpu",
)


@dataclass(frozen=True)
class Finished:
    """A command that came to its end."""

    status: int
    out: str
    err: str


@pytest.fixture
def few_resamples(monkeypatch) -> None:
    """The intervals of a model card come from 200 resamples; tests/results has those of 10,000."""
    monkeypatch.setattr(samples, "RESAMPLES", 200)
    monkeypatch.setattr(samples, "group_draws", lru_cache(samples.group_draws.__wrapped__))


@pytest.fixture
def without_page(monkeypatch) -> None:
    """The pictures of a run take half a second each; test_run_page has them."""
    monkeypatch.setattr("aduni.training.run.write_run_page", lambda *_: None)


@pytest.fixture
def command(
    monkeypatch, capfd, cache, few_resamples, without_page
) -> Iterator[Callable[..., Finished]]:
    """Calls src/NAME.py with overrides, as from the command line."""
    handlers, level = logging.root.handlers[:], logging.root.level
    monkeypatch.setenv("ADUNI_CACHE", str(cache))  # of commands on a checkpoint

    def call(name: str, *overrides: str) -> Finished:
        script = ROOT / "src" / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(script), *overrides])
        capfd.readouterr()
        try:
            runpy.run_path(str(script), run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        finally:
            _restore_logging(handlers, level)
        return Finished(status, *capfd.readouterr())

    with contextlib.chdir(ROOT):
        yield call


def _restore_logging(handlers: list[logging.Handler], level: int) -> None:
    """A process of its own would end here, and close its log."""
    logging.captureWarnings(False)
    for handler in logging.root.handlers:
        if handler not in handlers:
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).disabled = False  # Hydra silences those that it does not know


@pytest.fixture
def root() -> Path:
    """Of the repository."""
    return ROOT


@pytest.fixture
def quick() -> tuple[str, ...]:
    """Overrides of a short training."""
    return QUICK


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id) -> Path:
    """A folder that the test processes of this session have in common."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def cache(shared) -> Path:
    """One cache folder for all tests of commands."""
    return shared / "cache"


@pytest.fixture
def train(command, tmp_path, cache) -> Callable[..., tuple[Finished, Path]]:
    """A quick training in a folder of the test's own: (how it ended, the run folder)."""

    def call(*overrides: str, folder: str = "run") -> tuple[Finished, Path]:
        run = tmp_path / folder
        fixed = (*QUICK, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")
        return command("train", *fixed, *overrides), run

    return call


@pytest.fixture
def past_run(command, shared, tmp_path, cache) -> Callable[..., Path]:
    """A quick training that has finished, for tests of what comes after.

    Each is done once in a session; every test gets a copy that it may spoil.
    """

    def call(*overrides: str, folder: str = "run") -> Path:
        name = hashlib.sha256("\n".join(overrides).encode()).hexdigest()[:16]
        run = shared / "runs" / name
        run.parent.mkdir(exist_ok=True)
        with FileLock(f"{run}.lock"):
            if not (run / "metrics.json").exists():  # the last file that a training writes
                fixed = (*QUICK, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")
                finished = command("train", *fixed, *overrides)
                assert finished.status == 0, finished.err
        return shutil.copytree(run, tmp_path / folder)

    return call


@pytest.fixture
def multirun(command, tmp_path, cache) -> Callable[..., tuple[Finished, list[Path]]]:
    """Quick trainings in one sweep: (how it ended, the jobs' folders in order)."""

    def call(*overrides: str) -> tuple[Finished, list[Path]]:
        sweep = tmp_path / "sweep"
        fixed = ("-m", *QUICK, f"dataset.cache_dir={cache}", f"hydra.sweep.dir={sweep}")
        finished = command("train", *fixed, *overrides)
        return finished, sorted(folder for folder in sweep.iterdir() if folder.is_dir())

    return call


@pytest.fixture
def metrics() -> Callable[[Path], dict[str, Any]]:
    """What a run's metrics.json holds, without what time and machine decide."""

    def read(run: Path) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((run / "metrics.json").read_text())
        for key in ("train_seconds", "images_per_second", "git_commit"):
            content.pop(key)
        return content

    return read
