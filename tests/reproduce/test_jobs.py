"""`train_planned` is idempotent; a stand-in replaces train.py."""

import os

import pytest
from filelock import FileLock

from aduni.reproduce import jobs
from aduni.reproduce.jobs import train_planned
from aduni.results.plan import run_folder
from aduni.system.atomic_files import read_json, write_json

WORDS = (
    "tables=[1]",
    "profile.rows=[CE,BALMS]",
    "profile.features=[]",
    "profile.alphas=[]",
    "profile.folds=[0]",
)


class Training:
    """Stand-in for train.py that records its calls and ends with a chosen status."""

    def __init__(self, monkeypatch):
        self.calls, self.status, self.printed = [], 0, ""
        monkeypatch.setattr(jobs, "_call_train", self)

    def __call__(self, overrides, folder, environment):
        self.calls.append((overrides, environment))
        folder.console.write_text(self.printed)
        if self.status == 0:
            checkpoint = folder.checkpoint("last")
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.touch()
            scores = {"validation": {"macro_f1": 0.4}, "test": {"macro_f1": 0.5}}
            write_json({"selected_on": "validation", **scores}, folder.metrics)
        return self.status


@pytest.fixture
def training(monkeypatch):
    return Training(monkeypatch)


@pytest.fixture
def planned(plan):
    """Return the plan with the runs of CE and BALMS."""
    made, _ = plan(*WORDS)
    return made, *made.runs


def test_a_run_starts_with_its_overrides_in_its_folder(planned, training, out):
    made, ce, _ = planned
    train_planned(out, made, ce.id)
    folder = run_folder(out, ce)
    assert training.calls[0][0] == [*ce.overrides, f"hydra.run.dir={folder.path}"]
    assert not folder.checkpoint("last").exists()
    assert not folder.failure.exists()


def test_a_finished_run_and_one_in_training_are_left_alone(planned, training, out):
    made, ce, balms = planned
    train_planned(out, made, ce.id)
    train_planned(out, made, ce.id)
    folder = run_folder(out, balms)
    folder.path.mkdir(parents=True)
    with FileLock(folder.lock):
        train_planned(out, made, balms.id)
    assert len(training.calls) == 1


def test_a_run_that_has_begun_is_resumed(planned, training, out):
    made, ce, _ = planned
    folder = run_folder(out, ce)
    folder.path.mkdir(parents=True)
    folder.config.write_text("epochs: 1\n")
    folder.history.write_text("stage,epoch,loss\ntrain,0,1.0\n")
    train_planned(out, made, ce.id)
    changeable = [word for word in ce.overrides if word.startswith(("num_workers=", "trainer="))]
    assert training.calls[0][0] == [f"resume={folder.path}", *changeable]


def test_a_resumed_run_takes_device_loaders_and_trackers_of_the_new_call(planned, training, out):
    made, ce, _ = planned
    now = ("num_workers=0", "trainer=cpu", "dataset.root=/elsewhere")
    changed = ce.model_copy(update={"overrides": ("method=ce", "lr=0.1", *now)})
    folder = run_folder(out, ce)
    folder.path.mkdir(parents=True)
    folder.config.write_text("epochs: 1\n")
    folder.history.write_text("stage,epoch,loss\ntrain,0,1.0\n")
    logging = ["logger=tensorboard"]
    train_planned(out, made.model_copy(update={"runs": (changed,)}), ce.id, logging=logging)
    assert training.calls[0][0] == [f"resume={folder.path}", *now, *logging]


def test_a_start_that_trained_nothing_is_begun_anew(planned, training, out):
    made, ce, _ = planned
    folder = run_folder(out, ce)
    folder.path.mkdir(parents=True)
    folder.config.write_text("epochs: 1\n")
    train_planned(out, made, ce.id)
    assert training.calls[0][0] == [*ce.overrides, f"hydra.run.dir={folder.path}"]


def test_a_second_stage_takes_the_first_ones_best_checkpoint(planned, training, out):
    made, ce, balms = planned
    train_planned(out, made, balms.id, logging=["logger=wandb"])
    best = run_folder(out, ce).checkpoint("best")
    assert training.calls[0][0][len(balms.overrides) :] == [
        f"method.stage1_ckpt={best}",
        "logger=wandb",
        f"hydra.run.dir={run_folder(out, balms).path}",
    ]


ENDS = {
    "a sentence": (1, "Epoch 3\nerror: The disk is full; free some.\n", "The disk is full; free"),
    "a traceback": (1, "Traceback\nKeyError: 'x'\n", "It ended with status 1: KeyError: 'x'"),
    "nothing": (2, "", "It ended with status 2"),
    "a signal": (-9, "Epoch 3\n", "SIGKILL"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_failure_is_noted_with_its_reason_and_gone_after_a_success(planned, training, out, end):
    made, ce, _ = planned
    training.status, training.printed, reason = ENDS[end]
    train_planned(out, made, ce.id)
    folder = run_folder(out, ce)
    assert reason in read_json(folder.failure)["reason"]
    assert read_json(folder.failure)["status"] == training.status
    training.status = 0
    train_planned(out, made, ce.id)
    assert folder.metrics.exists()
    assert not folder.failure.exists()


def test_an_interrupted_training_interrupts_the_job(planned, training, out):
    made, ce, _ = planned
    training.status = 130
    with pytest.raises(KeyboardInterrupt):
        train_planned(out, made, ce.id)
    assert not run_folder(out, ce).failure.exists()


def test_each_job_has_a_gpu_of_its_own(planned, training, out):
    made, ce, balms = planned
    with FileLock(out / ".gpu0.lock"):
        train_planned(out, made, ce.id, gpus=(0, 2))
    train_planned(out, made, balms.id, gpus=(0, 2))
    assert [env["CUDA_VISIBLE_DEVICES"] for _, env in training.calls] == ["2", "0"]


def test_without_gpus_the_environment_is_left_as_it_is(planned, training, out):
    made, ce, _ = planned
    train_planned(out, made, ce.id)
    assert training.calls[0][1] == dict(os.environ)


def test_an_unknown_run_is_refused(planned, out, refusal):
    refusal(lambda: train_planned(out, planned[0], "nothing"), "job=nothing")
