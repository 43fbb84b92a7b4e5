"""States of runs, and the time left."""

import json

import pytest
from filelock import FileLock

from aduni.reproduce.status import print_status
from aduni.results.plan import run_folder, state_of

WORDS = ("tables=[1]", "profile.rows=[CE,LDAM,BALMS]", "profile.features=[]", "profile.alphas=[]")
HISTORY = "stage,epoch,loss,images,seconds\ntrain,0,1.5,8,1.0\ntrain,1,1.0,8,1.0\n"


@pytest.fixture
def runs(plan, out):
    """Return a plan with CE done and running, LDAM failed and stopped, BALMS missing."""
    made, runs = plan(*WORDS)
    folders = {}
    for run in runs:
        name = run.folder.split("_")[1] + str(run.fold)
        folders[name] = run_folder(out, run)
    for name in ("ce0", "ce1", "ldam0", "ldam1"):
        folders[name].path.mkdir(parents=True)
        folders[name].config.write_text("epochs: 8\n")
        folders[name].history.write_text(HISTORY)
    folders["ce0"].metrics.write_text(json.dumps({"train_seconds": 800.0}))
    failure = {"reason": "The disk is full.", "status": 1}
    folders["ldam0"].failure.write_text(json.dumps(failure))
    with FileLock(folders["ce1"].lock):
        yield made, runs, folders


def test_states_follow_from_files_and_locks(runs):
    _, _, folders = runs
    assert {name: state_of(folder) for name, folder in folders.items()} == {
        "ce0": "done",
        "ce1": "running",
        "ldam0": "failed",
        "ldam1": "stopped",
        "balms0": "missing",
        "balms1": "missing",
    }


def test_status_says_what_is_open_and_how_long_it_takes(runs, out, capsys):
    made, all_runs, folders = runs
    print_status(out, made, all_runs)
    text = capsys.readouterr().out
    lines = {line.split()[3].lower() + line.split()[5]: line for line in text.split("\n")[:5]}
    assert lines["ce1"].split()[:8] == ["digits", "table", "1:", "CE", "fold", "1", "seed", "0"]
    assert folders["ce1"].path.name not in text
    assert "epoch 2 of 8" in lines["ce1"]
    assert "The disk is full." in lines["ldam0"]
    assert str(folders["ldam0"].console) in lines["ldam0"]
    assert "stopped" in lines["ldam1"]
    assert "waits for its first stage" in lines["balms1"]
    assert "waits" not in lines["balms0"]
    assert "1 done" in text
    # Three runs have 6 of 8 epochs before them, two have all: 800 s * (3 * 0.75 + 2) = 57 min.
    assert "about 57 min, with 1 at a time" in text


def test_a_released_lock_is_no_training(runs):
    _, _, folders = runs
    with FileLock(folders["ldam1"].lock):
        assert state_of(folders["ldam1"]) == "running"
    assert state_of(folders["ldam1"]) == "stopped"


DAMAGE = {
    "empty configuration": lambda folders: folders["ldam1"].config.write_text(""),
    "cut history": lambda folders: folders["ldam1"].history.write_text(""),
    "failure without a reason": lambda folders: folders["ldam0"].failure.write_text("{}"),
    "cut failure": lambda folders: folders["ldam0"].failure.write_text("{"),
    "no time": lambda folders: folders["ce0"].metrics.write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_does_not_stop_the_status(runs, out, capsys, damage):
    made, all_runs, folders = runs
    DAMAGE[damage](folders)
    print_status(out, made, all_runs)
    assert "Time left" in capsys.readouterr().out


def test_a_finished_run_whose_figures_are_damaged_has_failed(runs, out, capsys):
    made, all_runs, folders = runs
    folders["ce0"].metrics.write_text('{"train_sec')
    print_status(out, made, all_runs)
    assert f"{folders['ce0'].metrics} is not readable as JSON; remove it" in capsys.readouterr().out
    assert state_of(folders["ce0"]) == "failed"
