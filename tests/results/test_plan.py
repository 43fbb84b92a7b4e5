"""A plan.json, which may be somebody else's, names runs of its own folder and nothing else."""

import json
import os
from pathlib import Path

import pytest

from aduni.results.plan import read_plan, run_folder

RUN = {
    "id": "0123456789ab",
    "folder": "toy_ce_fold0_seed0_0123456789ab",
    "dataset": "toy",
    "fold": 0,
    "seed": 0,
    "rows": [["methods", "CE"]],
    "overrides": ["method=ce", "+method.own=1", "hydra.searchpath=[file:///my/conf]"],
    "first_stage": None,
}


def write_plan(root: Path, *changes: dict[str, object]) -> Path:
    plan = {"profile": "mine", "folds": [0], "runs": [{**RUN, **change} for change in changes]}
    file = root / "plan.json"
    file.write_text(json.dumps(plan))
    return file


def test_a_plan_as_it_is_written(tmp_path):
    write_plan(tmp_path, {}, {"id": "second", "folder": "a.b+c=d-e", "first_stage": RUN["id"]})
    first, second = read_plan(tmp_path).runs
    assert run_folder(tmp_path, first).path == tmp_path / "runs" / RUN["folder"]
    assert second.first_stage == first.id


OUTSIDE = [
    *("", ".", "..", "../elsewhere", "a/../../elsewhere", "a/b", "/tmp/elsewhere", "~/elsewhere"),
    *(
        ".hidden",
        "a\\..\\..\\b",
        "C:\\b",
        "C:b",
        "a\n",
        "a\0b",
        "-rf",
        " ",
        "a b",
        "x" + "/.." * 99,
    ),
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("key", ["folder", "id"])
def test_a_run_outside_of_the_folder_is_refused(key, name, tmp_path, refusal):
    file = write_plan(tmp_path, {key: name})
    message = refusal(lambda: read_plan(tmp_path), file, "not a plain name", "remove it")
    assert len(message) < len(str(file)) + 300


@pytest.mark.parametrize(
    "word",
    [
        *("hydra.run.dir=/tmp/elsewhere", "+hydra.job.name=x", "hydra/launcher=joblib"),
        *("++hydra.sweep.dir=x", "~hydra.run", "hydra=x", "--config-dir=/tmp", "-m", "resume=/run"),
    ],
)
def test_an_override_that_leads_elsewhere_is_refused(word, tmp_path, refusal):
    file = write_plan(tmp_path, {"overrides": ["method=ce", word]})
    refusal(lambda: read_plan(tmp_path), file, word, "remove it")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (({}, {"folder": "other"}), "twice"),
        (({}, {"id": "other"}), "twice"),
        (({"first_stage": "lost"},), "lacks the first stage"),
    ],
)
def test_a_plan_that_does_not_hold_together_is_refused(changes, words, tmp_path, refusal):
    file = write_plan(tmp_path, *changes)
    refusal(lambda: read_plan(tmp_path), file, words, "remove it")


def test_a_link_out_of_the_folder_is_refused(tmp_path, refusal):
    root = tmp_path / "root"
    (root / "runs").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    write_plan(root, {})
    (run,) = read_plan(root).runs
    link = root / "runs" / run.folder
    link.symlink_to(tmp_path / "elsewhere")
    refusal(lambda: run_folder(root, run), link, "is a link", tmp_path / "elsewhere")
    link.unlink()
    (root / "runs" / "moved").mkdir()
    link.symlink_to("moved")
    assert run_folder(root, run).path == link


def test_a_folder_of_runs_may_lie_on_another_disk(tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "runs")
    write_plan(tmp_path, {})
    (run,) = read_plan(tmp_path).runs
    assert run_folder(tmp_path, run).path.parent == tmp_path / "runs"
