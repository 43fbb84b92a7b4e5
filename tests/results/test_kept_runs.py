"""Runs are found by what they computed."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from aduni.data.splits.predefined import split_hash
from aduni.results.identity import identity
from aduni.results.kept_runs import identities, identity_of, read_found_plan
from aduni.results.plan import Plan, PlannedRun
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_yaml
from hand_made import make_run

LABELS = [0, 0, 1, 1, 2, 2]


@pytest.fixture
def first(tmp_path) -> RunFolder:
    return make_run(tmp_path / "runs" / "first", labels=LABELS, predicted=LABELS)


@pytest.fixture
def second(tmp_path, first) -> RunFolder:
    """Goes on from the first one's best checkpoint, in a folder that is gone."""
    checkpoint = "outputs/of/somebody/runs/first/checkpoints/best.ckpt"
    return make_run(
        tmp_path / "runs" / "second",
        method="balms",
        method_settings={"stage1_ckpt": checkpoint},
        labels=LABELS,
        predicted=LABELS,
    )


def _edit(run: RunFolder, key: str, value: object) -> None:
    config = OmegaConf.load(run.config)
    OmegaConf.update(config, key, value)
    OmegaConf.save(config, run.config)


def test_a_run_of_one_stage(first):
    split = json.loads(first.metrics.read_text())["split_hash"]
    assert identity_of(first) == identity(read_yaml(first.config), split, None)


def test_an_unfinished_run_has_the_identity_that_it_will_have(first):
    finished = identity_of(first)
    first.metrics.unlink()
    assert identity_of(first) == finished
    frame = pd.read_csv(first.split)
    frame.loc[0, "part"] = "train"
    frame.to_csv(first.split, index=False)
    assert identity_of(first) == identity(read_yaml(first.config), split_hash(frame), None)


def test_the_first_stage_is_part_of_it(first, second):
    split = json.loads(second.metrics.read_text())["split_hash"]
    before = identity_of(second)
    assert before == identity(read_yaml(second.config), split, identity_of(first))
    _edit(first, "lr", 0.01)
    assert identity_of(second) != before
    _edit(first, "lr", 0.05)
    assert identity_of(second) == before
    metrics = json.loads(first.metrics.read_text())
    first.metrics.write_text(json.dumps({**metrics, "split_hash": "0" * 16}))
    assert identity_of(second) != before


def test_a_first_stage_that_cannot_be_told(first, second):
    before = identity_of(second)
    _edit(second, "method.stage1_ckpt", "elsewhere/first/checkpoints/last.ckpt")
    assert identity_of(second) is None  # another epoch's weights than a plan asks for
    _edit(second, "method.stage1_ckpt", str(first.checkpoint("best")))
    shutil.move(second.path, second.path.parents[1] / "alone")
    alone = RunFolder(second.path.parents[1] / "alone")
    assert identity_of(alone) == before
    first.config.unlink()
    assert identity_of(alone) is None


def test_stages_that_name_each_other_have_no_end(first, second):
    _edit(first, "method.stage1_ckpt", str(second.checkpoint("best")))
    assert identity_of(second) is identity_of(first) is None


@pytest.mark.parametrize("name", ["config", "split", "metrics"])
@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_damaged_files_tell_no_identity(name, content, first):
    if name == "split":
        first.metrics.unlink()
    getattr(first, name).write_text(content)
    assert identities(first.path.parents[1]) == {"first": None}


def test_of_two_runs_that_are_the_same_the_finished_one_comes_first(first):
    shutil.copytree(first.path, first.path.with_name("a copy"))
    (first.path.with_name("a copy") / "metrics.json").unlink()
    found = identities(first.path.parents[1])
    assert list(found) == ["first", "a copy"]
    assert len(set(found.values())) == 1


def test_what_is_no_run_is_not_looked_at(first):
    runs = first.path.parent
    (runs / "empty").mkdir()
    (runs / "file").write_text("")
    assert list(identities(runs.parent)) == ["first"]
    assert identities(Path("nowhere")) == {}


def test_a_planned_run_is_found_under_another_name(first, second):
    root = first.path.parents[1]
    planned = [
        PlannedRun(
            id=identity_of(run) or "",
            folder=run.path.name,
            dataset="toy",
            fold=0,
            seed=0,
            rows=(),
            overrides=(),
        )
        for run in (first, second)
    ]
    plan = Plan(profile="mine", folds=(0,), runs=tuple(planned))
    (root / "plan.json").write_text(plan.model_dump_json())
    assert read_found_plan(root) == plan
    second.path.rename(second.path.with_name("renamed"))
    assert [run.folder for run in read_found_plan(root).runs] == ["first", "renamed"]
    shutil.rmtree(second.path.with_name("renamed"))
    assert read_found_plan(root) == plan
    assert read_found_plan(root / "runs") is None
