"""Order and number of the launches of planned runs."""

from aduni.reproduce import jobs as jobs_module
from aduni.reproduce.jobs import train_all
from aduni.results.plan import run_folder
from aduni.system.atomic_files import write_json

WORDS = ("tables=[1]", "profile.rows=[CE,LDAM,BALMS]", "profile.features=[]", "profile.alphas=[]")


class Jobs:
    """Stand-in for a launcher that records its runs and leaves them done or failed."""

    def __init__(self, root, plan, failing=()):
        self.root, self.runs, self.failing = root, {run.id: run for run in plan.runs}, failing
        self.launched = []

    def __call__(self, root, identities, overrides, until):
        self.launched.append([self.runs[identity].folder.split("_")[1] for identity in identities])
        for identity in identities:
            run = self.runs[identity]
            folder = run_folder(self.root, run)
            folder.path.mkdir(parents=True, exist_ok=True)
            if run.folder.split("_")[1] in self.failing:
                write_json({"reason": "No.", "status": 1}, folder.failure)
            else:
                write_json({}, folder.metrics)


def test_first_stages_come_first_and_nothing_comes_twice(plan, out, monkeypatch):
    made, runs = plan(*WORDS)
    jobs = Jobs(out, made)
    monkeypatch.setattr(jobs_module, "_launch", jobs)
    train_all(out, made, runs, [])
    assert jobs.launched == [["ce", "ldam"], ["balms"]] * 2
    train_all(out, made, runs, [])
    assert len(jobs.launched) == 4


def test_a_failure_stops_what_needs_it_and_nothing_else(plan, out, monkeypatch):
    made, runs = plan(*WORDS)
    jobs = Jobs(out, made, failing=("ce",))
    monkeypatch.setattr(jobs_module, "_launch", jobs)
    train_all(out, made, runs, [])
    assert jobs.launched == [["ce", "ldam"]] * 2
    jobs.failing = ()
    train_all(out, made, runs, [])
    assert jobs.launched[2:] == [["ce"], ["balms"]] * 2


def test_what_another_call_trains_is_waited_for(plan, out, monkeypatch):
    made, runs = plan(*WORDS)
    jobs = Jobs(out, made)
    (theirs, *_) = (run for run in runs if run.folder.split("_")[1] == "ce")
    held = {theirs.id: 2}
    real = jobs_module.state_of

    def state_of(folder):
        if folder.path.name == theirs.folder and held[theirs.id] > 0:
            return "running"
        return real(folder)

    def sleep(seconds):
        held[theirs.id] -= 1
        if held[theirs.id] == 0:
            write_json({}, _made(run_folder(out, theirs)).metrics)

    monkeypatch.setattr(jobs_module, "_launch", jobs)
    monkeypatch.setattr(jobs_module, "state_of", state_of)
    monkeypatch.setattr(jobs_module.time, "sleep", sleep)
    train_all(out, made, runs, [])
    assert jobs.launched == [["ldam"], ["ce", "ldam"], ["balms"], ["balms"]]


def _made(folder):
    folder.path.mkdir(parents=True, exist_ok=True)
    return folder
