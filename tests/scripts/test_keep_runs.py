"""A kept reproduction is small, always the same, and gives the report of its source."""

import gzip
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aduni.errors import UserError
from aduni.reporting.cached import cached_report
from aduni.reporting.inputs import Sources
from aduni.reporting.tables.definitions import Definition, Row
from aduni.results.finished_runs import read_run, read_runs
from aduni.results.plan import Plan, PlannedRun
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_yaml, write_yaml
from aduni.system.temporary import temporary_name
from hand_made import make_run

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "keep_runs.py"
ROWS = tuple(Row(name=name, overrides=(f"method={name}",)) for name in ("ce", "ldam"))
LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]
KEPT = {"config.yaml", "history.csv", "train.log", "metrics.json"}
pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module")
def keep() -> Callable[[Path, Path], list[Path]]:
    return runpy.run_path(str(SCRIPT))["keep_runs"]


def write_plan(root: Path, names: list[str], profile: str = "mine") -> None:
    """The first letters of a run's name are its method, the last is its fold."""
    runs = tuple(
        PlannedRun(
            id=name,
            folder=name,
            dataset="toy",
            fold=int(name[-1]),
            seed=0,
            rows=(("methods", name[:-1]),),
            overrides=(f"method={name[:-1]}",),
        )
        for name in names
    )
    root.mkdir(exist_ok=True)
    (root / "plan.json").write_text(
        Plan(profile=profile, folds=(0, 1), runs=runs).model_dump_json()
    )


@pytest.fixture
def source(tmp_path) -> Path:
    """Three finished runs and one that was stopped, with all that lies in such folders."""
    root = tmp_path / "source"
    names = ["ce0", "ce1", "ldam0", "ldam1"]
    write_plan(root, names)
    for name in names:
        guesses = PREDICTED if name.startswith("ce") else LABELS
        run = make_run(
            root / "runs" / name,
            method=name[:-1],
            fold=int(name[-1]),
            labels=LABELS,
            predicted=guesses,
        )
        with run.log.open("a") as log:
            log.write("Results: /home/somebody/runs\n")
        for other in (run.card, run.lock, run.job_lock, run.console, run.checkpoint("best")):
            other.parent.mkdir(exist_ok=True)
            other.write_text("not to be kept")
    features = np.random.default_rng(0).normal(size=(21, 8)).astype(np.float16)
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    np.savez(run_of(root, "ldam0").features, labels=labels, features=features)
    run_of(root, "ldam1").metrics.unlink()
    make_run(root / "runs" / "earlier0", labels=LABELS, predicted=LABELS)  # of another plan
    return root


def run_of(root: Path, name: str) -> RunFolder:
    return RunFolder(root / "runs" / name)


def hash_of(root: Path, name: str) -> str:
    return json.loads(run_of(root, name).metrics.read_text())["split_hash"]


def files_of(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def tables_of(root: Path) -> dict[str, bytes]:
    definitions = {"methods": Definition(title="Methods", rows=ROWS)}
    cached_report(Sources(root, root, definitions))
    return files_of(root / "tables")


def test_what_is_kept_of_finished_runs(keep, source, tmp_path):
    target = tmp_path / "kept" / "here"
    files = keep(source, target)
    splits = {f"splits/{hash_of(source, 'ce0')}.csv": ("ce0", "ldam0")}
    splits[f"splits/{hash_of(source, 'ce1')}.csv"] = ("ce1",)
    expected = {f"runs/{run}/{file}" for run in ("ce0", "ce1", "ldam0") for file in KEPT}
    expected |= {f"runs/{run}/predictions.csv.gz" for run in ("ce0", "ce1", "ldam0")}
    kept = files_of(target)
    expected |= {"plan.json", "runs/ldam0/features.npz", *splits}
    assert kept.keys() == expected
    assert {file.relative_to(target).as_posix() for file in files} == kept.keys()
    before = files_of(source)
    for name, content in kept.items():
        if name.endswith(".gz"):
            assert gzip.decompress(content) == before[name.removesuffix(".gz")]
        elif name.endswith("train.log"):
            assert b"command: python" in content
            assert content + b"Results: /home/somebody/runs\n" == before[name]
        elif name.startswith("splits"):
            assert {content} == {before[f"runs/{run}/split.csv"] for run in splits[name]}
        else:
            assert content == before[name]


def test_no_folder_of_the_machine_is_kept(keep, source, tmp_path):
    for run in (source / "runs").iterdir():
        config = read_yaml(run / "config.yaml")
        dataset = {**config.get("dataset", {}), "root": "/home/somebody/eyes", "csv": "a/b.csv"}
        write_yaml({**config, "dataset": dataset}, run / "config.yaml")
    target = tmp_path / "kept"
    keep(source, target)
    for run in (target / "runs").iterdir():
        held = read_yaml(run / "config.yaml")
        assert (held["dataset"]["root"], held["dataset"]["csv"]) == ("eyes", "a/b.csv")
        before = read_yaml(source / "runs" / run.name / "config.yaml")
        assert held.keys() == before.keys()
        assert held["dataset"].keys() == before["dataset"].keys()
    assert tables_of(target) == tables_of(source)


def test_the_report_of_the_kept_runs_is_that_of_the_source(keep, source, tmp_path):
    keep(source, tmp_path / "kept")
    tables, kept = tables_of(source), tables_of(tmp_path / "kept")
    assert {Path(name).suffix for name in kept} == {".csv", ".md", ".tex", ".txt"}
    assert kept == tables
    assert "ldam" in kept["methods.md"].decode()


def test_keeping_twice_gives_the_same_bytes_and_writes_nothing(keep, source, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    keep(source, first)
    kept = files_of(first)
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    keep(source, first)
    assert files_of(first) == kept
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == times
    keep(source, second)
    assert files_of(second) == kept
    assert all(content[4:8] == bytes(4) for name, content in kept.items() if name.endswith(".gz"))
    assert not any(b"predictions" in content for name, content in kept.items() if ".gz" in name)


def test_features_of_a_data_set_can_be_left_out(keep, source, tmp_path):
    target = tmp_path / "kept"
    keep(source, target, ["other"])
    whole = files_of(target)
    keep(source, target, ["toy"])
    assert whole.keys() - files_of(target).keys() == {"runs/ldam0/features.npz"}


def test_kept_runs_can_be_kept_elsewhere(keep, source, tmp_path):
    keep(source, tmp_path / "kept")
    keep(tmp_path / "kept", tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "kept")


def test_a_second_call_takes_over_what_changed_and_removes_what_is_gone(keep, source, tmp_path):
    target = tmp_path / "kept"
    keep(source, target)
    tables_of(target)
    run_of(source, "ldam0").features.unlink()
    run_of(source, "ce1").log.write_text("command: another\n")
    write_plan(source, ["ce1", "ldam0", "ldam1"])
    temporary_name(run_of(target, "ce1").log).write_text("of a killed call")
    keep(source, target)
    assert sorted(path.name for path in (target / "runs").iterdir()) == ["ce1", "ldam0"]
    assert not run_of(target, "ldam0").features.exists()
    assert run_of(target, "ce1").log.read_text() == "command: another\n"
    assert {path.name for path in run_of(target, "ce1").path.iterdir()} == {
        *KEPT,
        "predictions.csv.gz",
    }
    assert (target / "plan.json").read_bytes() == (source / "plan.json").read_bytes()
    assert (target / "index.html").exists()


def test_a_planned_run_that_is_being_trained_again_stays(keep, source, tmp_path):
    keep(source, tmp_path / "kept")
    run_of(source, "ce0").metrics.unlink()
    keep(source, tmp_path / "kept")
    runs, problems = read_runs(tmp_path / "kept")
    assert [run.folder.path.name for run in runs] == ["ce0", "ce1", "ldam0"]
    assert not problems


def test_a_run_that_trained_nothing_has_no_history(keep, source, tmp_path):
    run_of(source, "ce0").history.unlink()
    keep(source, tmp_path / "kept")
    assert not run_of(tmp_path / "kept", "ce0").history.exists()


# Refused


def test_a_source_without_a_plan(keep, source, tmp_path, refusal):
    (source / "plan.json").unlink()
    refusal(lambda: keep(source, tmp_path / "kept"), source / "plan.json", "is missing")
    refusal(lambda: keep(tmp_path / "nowhere", tmp_path / "kept"), "nowhere")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("content", ["", "{", '{"profile": "mine"}'])
def test_a_plan_that_is_none(content, keep, source, tmp_path, refusal):
    (source / "plan.json").write_text(content)
    refusal(lambda: keep(source, tmp_path / "kept"), source / "plan.json")


@pytest.mark.parametrize("name", ["../runs/ce0", "../../source0"])
def test_a_plan_that_leads_out_of_its_folder_is_refused(name, keep, source, tmp_path, refusal):
    plan = source / "plan.json"
    plan.write_text(plan.read_text().replace('"folder":"ce0"', f'"folder":"{name}"'))
    refusal(lambda: keep(source, tmp_path / "kept"), plan, name, "not a plain name")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("names", [[], ["ldam1"], ["later0"]])
def test_a_plan_without_a_finished_run(names, keep, source, tmp_path, refusal):
    write_plan(source, names)
    refusal(lambda: keep(source, tmp_path / "kept"), source, "no finished run")
    assert not (tmp_path / "kept").exists()


def test_a_damaged_run_stops_all_before_anything_is_written(keep, source, tmp_path, refusal):
    target = tmp_path / "kept"
    keep(source, target)
    before = files_of(target)
    run_of(source, "ce0").log.write_text("changed\n")
    metrics = run_of(source, "ldam0").metrics
    content = json.loads(metrics.read_text())
    metrics.write_text(json.dumps({**content, "fold": 1}))
    refusal(lambda: keep(source, target), metrics, "fold = 1")
    assert files_of(target) == before


def test_a_split_is_kept_as_long_as_a_run_has_it(keep, source, tmp_path):
    target = tmp_path / "kept"
    keep(source, target)
    assert len(list((target / "splits").iterdir())) == 2
    write_plan(source, ["ldam0"])
    keep(source, target)
    (split,) = (target / "splits").iterdir()
    assert split.read_bytes() == run_of(source, "ldam0").split.read_bytes()


def test_a_shared_split_that_changed_is_refused_by_every_run_that_has_it(keep, source, tmp_path):
    target = tmp_path / "kept"
    keep(source, target)
    tables_of(target)
    split = target / "splits" / f"{hash_of(source, 'ce0')}.csv"
    split.write_text(split.read_text().replace(",train", ",unused", 1))
    tables_of(target)
    page = (target / "index.html").read_text()
    assert page.count(f"{split.name} gives") == 2
    split.unlink()
    with pytest.raises(UserError, match=r"split\.csv is missing"):
        read_run(run_of(target, "ce0"))


def test_equal_parts_in_other_groups_are_not_kept_as_one_split(keep, source, tmp_path, refusal):
    split = run_of(source, "ldam0").split
    split.write_text(split.read_text().replace(",100001,train", ",100000,train"))
    refusal(lambda: keep(source, tmp_path / "kept"), run_of(source, "ldam0").path, "groups images")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("name", ["best.ckpt", "checkpoints/best.ckpt", "predictions.csv", ".lock"])
def test_a_target_that_holds_more_is_left_alone(name, keep, source, tmp_path, refusal):
    target = tmp_path / "kept"
    keep(source, target)
    other = run_of(target, "ce0").path / name
    other.parent.mkdir(exist_ok=True)
    other.write_text("someone's")
    write_plan(source, ["ce1"])
    refusal(lambda: keep(source, target), "nothing that was kept")
    assert other.read_text() == "someone's"


def test_a_target_that_is_or_lies_in_the_source(keep, source, refusal):
    before = files_of(source)
    for target in (source, source / "runs", source / "runs" / "ce0"):
        refusal(lambda target=target: keep(source, target), target, "lies in")
    assert files_of(source) == before


def test_a_target_of_another_profile_is_left_alone(keep, source, tmp_path, refusal):
    target = tmp_path / "kept"
    keep(source, target)
    write_plan(source, ["ce0"], profile="paper")
    refusal(lambda: keep(source, target), target, "mine", "paper")
    assert (target / "runs" / "ce1").is_dir()


def test_a_link_in_the_target_is_not_followed(keep, source, tmp_path, refusal):
    target, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (target / "runs").mkdir(parents=True)
    (target / "runs" / "ce0").symlink_to(elsewhere)
    refusal(lambda: keep(source, target), target / "runs" / "ce0")
    assert not any(elsewhere.iterdir())


# The command


def call(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_one_line(source, tmp_path):
    finished = call(source, tmp_path / "kept", "--drop-features", "toy")
    assert not list(tmp_path.rglob("kept/**/features.npz"))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == f"{tmp_path / 'kept'}: 3 runs, 0.0 MB\n"


def test_an_error_is_one_sentence_and_status_1(source, tmp_path, monkeypatch, capfd):
    def refused(*words: object) -> tuple[int, str, list[str]]:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, err.splitlines()

    missing = f"error: {tmp_path / 'plan.json'} is missing; give a folder of reproduce.py."
    assert refused(tmp_path, tmp_path / "kept") == (1, "", [missing])
    (tmp_path / "file").write_text("")
    status, _, sentences = refused(source, tmp_path / "file" / "kept")
    assert (status, len(sentences)) == (1, 1)
    assert refused(source)[0] == 2


def test_with_decimals_the_kept_runs_are_smaller_and_read_as_before(keep, source, tmp_path):
    whole, short = tmp_path / "whole", tmp_path / "short"
    keep(source, whole)
    keep(source, short, (), 4)
    first, second = read_runs(whole)[0], read_runs(short)[0]
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        assert a.test["macro_f1"] == b.test["macro_f1"]
        assert b.predictions["p_common"].map(lambda p: round(p, 4) == p).all()
