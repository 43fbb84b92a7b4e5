"""Runs of a profile, and their names."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pandas as pd
import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from aduni.config.schema import read_settings
from aduni.reproduce import planning, splits
from aduni.reproduce.planning import make_plan, write_plan
from aduni.results import predictions_csv
from aduni.results.finished_runs import read_runs
from aduni.results.former_configurations import FORMER
from aduni.results.identity import NEUTRAL, comparable
from aduni.results.plan import PlannedRun, read_plan, run_folder
from aduni.system.atomic_files import read_json, write_csv, write_json, write_yaml
from composing import CONF

STUDY = CONF.parent / "results" / "study"
FLOORS = "profile.floors=[class frequencies,border,thumbnail,file]"


def _by_row(runs):
    return {(label, run.fold): run for run in runs for _, label in run.rows}


def _last(run, key):
    return [word for word in run.overrides if word.startswith(f"{key}=")][-1:]


def test_smoke_has_every_row_of_both_tables_on_two_folds(plan, out):
    made, runs = plan()
    assert len(runs) == (9 + 7) * 2  # AdUni stands in both tables
    assert made == read_plan(out)
    assert len({run.id for run in runs}) == len({run.folder for run in runs}) == len(runs)
    assert len(_by_row(runs)) == (9 + 8) * 2


def test_paper_has_160_runs(plan, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    _, runs = plan("profile=paper")
    assert len(runs) == (9 + 7) * 5 * 2
    rows = _by_row(run for run in runs if run.dataset == "aptos")
    assert "sampler=none" in rows["CE", 0].overrides
    assert not [word for run in runs for word in run.overrides if word.startswith("epochs=")]


def test_floors_come_with_every_table_as_runs_of_their_own(plan):
    words = ("profile.rows=[CE]", "profile.folds=[0,1]", "profile.floors=[border,file]")
    for table in ("1", "2"):
        _, runs = plan(*words, f"tables=[{table}]")
        floors = [run for run in runs if run.rows[0][0] == "floors"]
        # The digits have no image files, and so no floor of files.
        assert [run.rows for run in floors] == [(("floors", "border"),)] * 2
        assert [_last(run, "method") for run in floors] == [["method=shortcut_border"]] * 2
        assert len(runs) > len(floors)


def test_floors_have_one_seed(plan, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    _, runs = plan("profile=floors", "profile.floors=[border]", "profile.seeds=[3,4]")
    assert {run.seed for run in runs} == {3}


def test_a_profile_of_floors_alone_has_five_folds_of_both_data_sets(plan, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    _, runs = plan("profile=floors", FLOORS)
    assert len(runs) == 4 * 5 * 2
    assert {run.rows[0][0] for run in runs} == {"floors"}


def test_a_table_without_rows_is_refused_where_others_have_some(plan, refusal):
    words = ("profile.rows=[CE]", "profile.floors=[border]", "profile.switches=[]", "tables=[3]")
    refusal(lambda: plan(*words), "has no run of tables=3", "choose other tables")


def test_the_study_goes_by_importance(plan, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    made, runs = plan("profile=study")
    assert made.runs == tuple(runs)
    places = [
        (run.seed, {table for table, _ in run.rows} == {"switches"})
        for run in runs
        if not _is_floor(run)
    ]
    assert list(dict.fromkeys(places)) == [(0, False), (1, False), (0, True)]
    assert [places.count(place) for place in dict.fromkeys(places)] == [30, 30, 8 * 5]
    folds = [(run.seed, run.fold) for run in runs if not _is_floor(run)][:60]
    assert folds == sorted(folds)  # all primary rows of a fold before the next
    assert {run.dataset for run in runs if "switches" in dict(run.rows)} == {"aptos"}
    (two,) = {run.overrides[-3] for run in runs if ("methods", "AdUni") in run.rows}
    assert two.startswith("lr=")
    for run in runs:
        epochs = 10 if _views(run) == 2 else 20
        assert _last(run, "epochs") == [f"epochs={epochs}"], run


def _is_floor(run):
    return "floors" in dict(run.rows)


def _views(run):
    method = _last(run, "method")[0].removeprefix("method=")
    return 2 if method in ("aduni", "paco", "cicl") else 1


@pytest.fixture(scope="module")
def kept():
    """The study's finished runs."""
    return [run for run in read_plan(STUDY).runs if run_folder(STUDY, run).metrics.is_file()]


@pytest.fixture
def study(plan, kept, monkeypatch, out):
    """Return a function that plans the study beside its kept runs, without reading the data."""
    hashes = {
        (run.dataset, run.fold): read_json(run_folder(STUDY, run).metrics)["split_hash"]
        for run in kept
    }
    out.mkdir()
    monkeypatch.setattr(splits, "_files", lambda root: [])
    monkeypatch.setattr(
        splits, "_compute", lambda c: hashes.get((c["names"]["dataset"], c["fold"]), "not run")
    )

    def planned() -> list[PlannedRun]:
        if not (out / "runs").exists():
            (out / "runs").symlink_to(STUDY / "runs")
        return plan("profile=study", FLOORS)[1]

    return planned


def _found(runs, out):
    return {run.folder for run in runs if run_folder(out, run).metrics.is_file()}


def _replanned(monkeypatch, change):
    """Change every configuration that a plan composes, as if conf/ were another one."""
    composed = planning.compose_training

    def changed(overrides):
        config = deepcopy(composed(overrides))
        change(config)
        return config

    monkeypatch.setattr(planning, "compose_training", changed)


def test_the_kept_study_is_what_its_profile_plans(study, kept, out):
    """Else a later call would train it again, and a changed default would pass for the study's."""
    runs = study()
    assert kept
    assert _found(runs, out) == {run.folder for run in kept}
    by_id = {run.id: run for run in runs}
    second = [run for run in runs if run.first_stage]
    assert {label for run in second for _, label in run.rows} == {"BALMS", "Decouple"}
    assert all(("methods", "CE") in by_id[run.first_stage].rows for run in second)


@pytest.mark.slow
def test_the_kept_study_is_found_after_a_new_metric(study, kept, out, monkeypatch):
    evaluate = predictions_csv.evaluate

    def with_another(*arguments, **options):
        figures = evaluate(*arguments, **options)
        return {**figures, "worst_f1": min(figures["per_class_f1"].values())}

    monkeypatch.setattr(predictions_csv, "evaluate", with_another)
    runs, problems = read_runs(STUDY)
    assert len(runs) == len(kept)
    assert not problems
    assert all(run.test["worst_f1"] == min(run.test["per_class_f1"].values()) for run in runs)
    assert len(_found(study(), out)) == len(kept)


def test_the_kept_study_is_found_after_a_new_option_and_a_moved_class(
    study, kept, out, monkeypatch
):
    def change(config):
        config["dataset"]["a_later_one"] = "auto"
        config["names"]["floor"] = "none"
        config["dataset"]["augment"][0]["a_later_one"] = 1.0
        for node in (config["dataset"], config["method"], config["dataset"]["augment"][0]):
            node["_target_"] = f"aduni.moved.{node['_target_'].rpartition('.')[2]}"

    for name in set(FORMER.values()) | {"aduni.methods.Floor"}:
        monkeypatch.setitem(FORMER, f"aduni.moved.{name.rpartition('.')[2]}", name)
    neutral = {"dataset.a_later_one": "auto", "names.floor": "none"}
    for option, value in {**neutral, "aduni.data.FlippedAffine.a_later_one": 1}.items():
        monkeypatch.setitem(NEUTRAL, option, value)
    _replanned(monkeypatch, change)
    assert len(_found(study(), out)) == len(kept)


def test_no_kept_run_is_found_after_a_changed_default(study, out, monkeypatch):
    monkeypatch.setitem(NEUTRAL, "optimizer.weight_decay", 0.0)  # at another value it counts
    _replanned(monkeypatch, lambda config: config["optimizer"].update(weight_decay=0.01))
    runs = study()
    assert runs
    assert not _found(runs, out)


def test_a_kept_run_is_found_under_another_name(study, kept, out):
    before = study()
    (out / "runs").unlink()
    for number, run in enumerate(kept):
        # A first stage is known by its folder's name, which the second one's configuration has.
        name = run.folder if ("methods", "CE") in run.rows else f"run{number}"
        shutil.copytree(run_folder(STUDY, run).path, out / "runs" / name)
    runs = study()
    assert [run.id for run in runs] == [run.id for run in before]
    assert len(_found(runs, out)) == len(kept)
    assert any(run.folder.startswith("run") for run in runs)


SPLIT = {"image": ["a"], "label": ["b"], "group": [0], "part": ["train"]}


def test_a_folder_that_holds_another_run_than_its_name_says_is_refused(plan, out, refusal):
    ((run,)) = plan(*ONE)[1]
    folder = run_folder(out, run)
    folder.path.mkdir(parents=True)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        own, other = (
            planning.compose_training((*run.overrides, *more)) for more in ((), ("lr=0.5",))
        )
    write_yaml(other, folder.config)
    write_csv(pd.DataFrame(SPLIT), folder.split)
    assert plan(*ONE)[1] == [run]  # nothing was trained: the folder is free
    write_json({"split_hash": "split0", "test": {}}, folder.metrics)
    refusal(lambda: plan(*ONE), folder.path, "other settings", "another name")
    write_yaml(own, folder.config)
    assert plan(*ONE)[1] == [run]


def test_a_call_without_a_run_is_refused(plan, refusal):
    refusal(lambda: plan("tables=[3]"), "profile=smoke", "tables=3", "digits")


def test_a_row_overrides_the_profile(plan, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    words = ("profile.switches=[control]", "profile.overrides=['epochs=20']")
    _, runs = plan("profile=paper", "datasets=[aptos]", "tables=[3]", *words)
    lengths = {
        label: _last(run, "epochs")
        for run in runs
        for table, label in run.rows
        if table == "switches"
    }
    assert lengths["CE"] == ["epochs=20"]
    assert lengths["control, CE, 40 epochs"] == ["epochs=40"]


def test_folds_come_one_after_another(plan):
    words = ("profile.rows=[CE,LDAM]", "profile.alphas=[]", "profile.features=[]")
    _, runs = plan("tables=[1]", *words)
    assert [run.fold for run in runs] == [0, 0, 1, 1]


def test_adunis_run_serves_both_tables(plan):
    rows = _by_row(plan()[1])
    assert rows["AdUni", 0] == rows["alpha 1 to 0.01, w/o sampling", 0]
    assert rows["AdUni", 0].rows == (
        ("methods", "AdUni"),
        ("sampling", "alpha 1 to 0.01, w/o sampling"),
    )


def test_one_ce_training_is_the_first_stage_of_balms_and_decouple(plan):
    words = ("profile.rows=[BALMS,Decouple]", "profile.alphas=[]", "profile.features=[]")
    made, runs = plan("tables=[1]", *words)
    rows = _by_row(runs)
    for fold in (0, 1):
        (ce,) = (run for run in runs if run.fold == fold and "method=ce" in run.overrides)
        assert ce.rows == ()
        assert rows["BALMS", fold].first_stage == rows["Decouple", fold].first_stage == ce.id
        assert made.runs.index(ce) < made.runs.index(rows["BALMS", fold])


def test_the_first_run_of_three_rows_keeps_features(plan):
    keeping = [run for run in plan()[1] if "save_features=true" in run.overrides]
    assert sorted((run.rows[0][1], run.fold) for run in keeping) == [
        ("AdUni", 0),
        ("CICL", 0),
        ("PaCo", 0),
    ]


def test_a_data_set_of_ones_own_is_planned_by_its_title(plan, tmp_path):
    (tmp_path / "skin").mkdir()
    (tmp_path / "skin" / "labels.csv").write_text("image,label\n")
    keys = f"data=['dataset.csv={tmp_path}/skin/labels.csv']"
    own = ("profile=own", "datasets=[csv]", "profile.folds=[0]")
    _, runs = plan(*own, keys)

    assert len(runs) == 9 + 7
    assert {run.dataset for run in runs} == {"skin_labels"}
    assert all(run.folder.startswith("skin_labels_") for run in runs)
    assert all(f"dataset.csv={tmp_path}/skin/labels.csv" in run.overrides for run in runs)


def test_two_data_sets_of_ones_own_stand_side_by_side_in_a_plan(plan, tmp_path):
    own = ("profile=own", "datasets=[csv]", "profile.folds=[0]", "profile.rows=[CE]", "tables=[1]")
    for name in ("first", "second", "first"):
        keys = f"data=['dataset.csv={tmp_path}/{name}.csv','dataset.title={name}']"
        made, runs = plan(*own, "profile.alphas=[]", "profile.features=[]", keys)
        assert [run.dataset for run in runs] == [name]

    assert sorted(run.dataset for run in made.runs) == ["first", "second"]


ONE = ("tables=[1]", "profile.rows=[CE]", "profile.alphas=[]", "profile.features=[]")
ONE += ("profile.folds=[0]",)


def _id(plan, *overrides):
    ((run,)) = plan(*ONE, *overrides)[1]
    return run.id


def test_an_id_is_the_same_for_the_same_run(plan, monkeypatch, tmp_path):
    first = _id(plan)
    monkeypatch.setenv("ADUNI_CACHE", str(tmp_path / "elsewhere"))
    assert _id(plan) == first
    assert _id(plan, "profile.overrides=['epochs=6','num_workers=3']") == _id(
        plan, "profile.overrides=['epochs=6','num_workers=0']"
    )


@pytest.mark.parametrize(
    "change",
    [
        "profile.overrides=['epochs=9']",
        "profile.overrides=['epochs=8','lr=0.01']",
        "profile.seeds=[1]",
        "profile.folds=[1]",
    ],
)
def test_another_configuration_is_another_run(plan, change):
    base = _id(plan, "profile.overrides=['epochs=8']")
    assert _id(plan, "profile.overrides=['epochs=8']", change) != base


def test_another_split_is_another_run(plan, monkeypatch, out):
    first = _id(plan)
    (out / "splits.json").unlink(missing_ok=True)
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: "changed data")
    assert _id(plan) != first


def test_another_first_stage_is_another_run(settings, plan):
    words = ("tables=[1]", "profile.rows=[BALMS]", "profile.alphas=[]", "profile.folds=[0]")
    ((balms,), (other,)) = (
        [
            run
            for run in plan(*words, "profile.features=[]", f"profile.overrides=['{key}']")[1]
            if run.rows
        ]
        for key in ("method.dropout=0.5", "method.dropout=0.4")
    )
    assert balms.first_stage != other.first_stage
    assert balms.id != other.id


def test_a_split_is_computed_once(plan, monkeypatch):
    plan()

    def refuse(config):
        raise AssertionError("a second look at the data")

    monkeypatch.setattr("aduni.reproduce.splits._compute", refuse)
    plan()


def test_changed_files_are_noticed(plan, monkeypatch, tmp_path):
    monkeypatch.setattr(
        planning, "compose_training", planning.compose_training.__wrapped__
    )  # of this ADUNI_DATA
    root = tmp_path / "images" / "isic2018"
    root.mkdir(parents=True)
    monkeypatch.setenv("ADUNI_DATA", str(root.parent))
    words = ("profile=small", "datasets=[isic2018]", "tables=[1]", "profile.rows=[CE]")
    words += ("profile.alphas=[]", "profile.features=[]")
    hashes = iter(["first", "second"])
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: next(hashes))
    ids = []
    for _ in range(2):
        ids += [run.id for run in plan(*words)[1]]
        (root / "more.jpg").write_bytes(b"new")
    assert len(set(ids)) == 2


def test_a_part_of_the_tables_has_the_same_runs_in_the_same_folders(plan, out):
    whole, runs = plan()
    made, part = plan("tables=[2]")
    assert made == whole == read_plan(out)
    assert len(part) == 8 * 2
    assert set(part) <= set(runs)
    rows = _by_row(part)
    assert rows["AdUni", 0] == rows["alpha 1 to 0.01, w/o sampling", 0]
    assert "save_features=true" in rows["AdUni", 0].overrides


def test_other_data_sets_stay_in_the_plan(plan, out, monkeypatch):
    monkeypatch.setattr(splits, "_files", lambda root: [])
    few = ("profile=small", "profile.rows=[CE]", "profile.alphas=[]", "profile.features=[]")
    first, _ = plan(*few, "datasets=[aptos]", "tables=[1]")
    second, runs = plan(*few, "datasets=[isic2018]", "tables=[1]")
    assert {run.dataset for run in runs} == {"isic2018"}
    assert set(first.runs) < set(second.runs)


def test_planning_writes_nothing(settings, monkeypatch, out):
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: "a split")
    checked = settings(*ONE)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        make_plan(checked)
    assert not out.exists()


def test_a_plan_of_another_version_is_refused(plan, out, refusal):
    plan()
    (out / "plan.json").write_text('{"runs": 1}')
    refusal(plan, "plan.json", "another version")


def test_calls_at_once_write_the_plan_one_by_one(plan, settings, out):
    made, _ = plan()
    checked = settings()

    with ThreadPoolExecutor(4) as pool:
        for written in [pool.submit(write_plan, made, checked) for _ in range(200)]:
            written.result()

    assert read_plan(out) == made


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("small", "paper", "study", "own")]


@pytest.mark.parametrize("profile", ["smoke", *SLOW])
def test_a_run_has_the_identity_that_it_was_planned_with(profile, plan, monkeypatch, tmp_path):
    """train.py checks the settings and writes down what it made of them."""
    monkeypatch.setattr(splits, "_files", lambda root: [])
    own = (
        "datasets=[csv]",
        f"data=['dataset.csv={tmp_path}/t.csv','dataset.classes=[1,0.0,true,x]']",
    )
    _, runs = plan(f"profile={profile}", *(own if profile == "own" else ()))
    for overrides in {run.overrides: None for run in runs if run.seed == 0 and run.fold == 0}:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = planning.compose_training(overrides)
        stored = read_settings(OmegaConf.create(composed)).model_dump()
        assert comparable(stored) == comparable(composed)
