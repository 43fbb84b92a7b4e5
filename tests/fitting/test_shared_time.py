"""The time is shared among the fine-tuned runs, and nothing starts when it is over."""

from types import SimpleNamespace

import pytest

from aduni.fitting import train as train_module
from aduni.fitting.fit_settings import Row
from aduni.fitting.train import AFTER_TRAINING_SECONDS, END_SECONDS, train
from aduni.results.plan import PlannedRun, run_folder
from aduni.system.atomic_files import read_json, write_json


class Clock:
    """A clock that the jobs below put forward."""

    def __init__(self, left):
        self.left = left

    @property
    def end(self):
        return 1000.0 + self.left


def planned(number, label):
    return PlannedRun(
        id=f"id{number}",
        folder=f"run{number}",
        dataset="toy",
        fold=0,
        seed=0,
        rows=(("models", label),),
        overrides=("dataset=digits",),
    )


RUNS = [planned(0, "frozen"), planned(1, "tuned"), planned(2, "tuned"), planned(3, "tuned")]


@pytest.fixture
def settings():
    rows = {"frozen": Row(overrides=()), "tuned": Row(overrides=(), steps=1)}
    return SimpleNamespace(preset=SimpleNamespace(rows=rows), gpus=())


@pytest.fixture
def jobs(monkeypatch):
    """Return a function that replaces the jobs by ones of some seconds, and records them."""

    def replace(clock, seconds):
        calls = []

        def train_all(root, plan, runs, overrides, until):
            calls.append(([run.folder for run in runs], read_json(root / "plan.json"), until))
            for run in runs:
                clock.left -= seconds[run.folder]
                folder = run_folder(root, run)
                folder.path.mkdir(parents=True, exist_ok=True)
                write_json({}, folder.metrics)

        monkeypatch.setattr(train_module, "train_all", train_all)
        return calls

    return replace


def limit(call, folder):
    (run,) = (run for run in call[1]["runs"] if run["folder"] == folder)
    (time,) = (o for o in run["overrides"] if o.startswith("max_time="))
    hours, minutes, seconds = map(int, time.split(":")[1:])
    return 3600 * hours + 60 * minutes + seconds


def test_each_fine_tuned_run_gets_an_equal_share_of_what_is_left(jobs, settings, tmp_path):
    clock = Clock(5000.0)
    calls = jobs(clock, {"run0": 500, "run1": 2000, "run2": 100, "run3": 100})
    train(tmp_path, RUNS, clock, settings)
    assert [call[0] for call in calls] == [["run0"], ["run1"], ["run2"], ["run3"]]
    assert calls[0][2] == 1000 + 5000 - END_SECONDS
    for call, left, number in ((1, 4500, 3), (2, 2500, 2), (3, 2400, 1)):
        share = int((left - END_SECONDS) / number - AFTER_TRAINING_SECONDS)
        assert limit(calls[call], f"run{call}") == share


def test_what_is_finished_is_neither_trained_nor_counted(jobs, settings, tmp_path):
    clock = Clock(5000.0)
    seconds = dict.fromkeys(("run0", "run1", "run2", "run3"), 10)
    jobs(clock, seconds)
    train(tmp_path, RUNS[:3], clock, settings)
    calls = jobs(clock, seconds)
    left = clock.left
    train(tmp_path, RUNS, clock, settings)
    assert calls[-1][0] == ["run3"]
    expected = int(left - 10 - END_SECONDS - AFTER_TRAINING_SECONDS)
    assert limit(calls[-1], "run3") == expected


def test_without_time_no_fine_tuned_run_starts(jobs, settings, tmp_path):
    clock = Clock(600.0)
    calls = jobs(clock, {"run0": 580, "run1": 1, "run2": 1, "run3": 1})
    train(tmp_path, RUNS, clock, settings)
    assert [call[0] for call in calls] == [["run0"]]


def test_gpus_train_at_the_same_time(jobs, settings, tmp_path):
    settings.gpus = (0, 1)
    clock = Clock(5000.0)
    calls = jobs(clock, {"run0": 0, "run1": 0, "run2": 0, "run3": 0})
    train(tmp_path, RUNS, clock, settings)
    assert [call[0] for call in calls] == [["run0"], ["run1", "run2"], ["run3"]]
    assert limit(calls[1], "run1") == int((5000 - END_SECONDS) / 2 - AFTER_TRAINING_SECONDS)
