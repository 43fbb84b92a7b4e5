"""The whole report, from hand-made run folders to files."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from aduni.reporting.cached import cached_report
from aduni.reporting.inputs import SUMMARY, Sources
from aduni.reporting.questions import Questions
from aduni.reporting.tables.definitions import Definition, Row
from aduni.results.plan import Plan, PlannedRun, run_folder
from aduni.system.atomic_folder import atomic_folder
from hand_made import make_run

ROWS = (
    Row(
        name="CE",
        overrides=("method=ce", "sampler=none"),
        paper={"toy": {"accuracy": (0.5, 0.01)}},
    ),
    Row(name="AdUni", overrides=("method=aduni", "sampler=none")),
)
DEFINITIONS = {
    "methods": Definition(title="Methods", rows=ROWS),
    "sampling": Definition(title="Sampling", rows=(ROWS[1],)),
}
LABELS = [0, 0, 0, 0, 1, 1, 1, 2]
GUESSES = {"ce": [0, 0, 0, 0, 0, 0, 1, 0], "aduni": [0, 0, 0, 1, 1, 1, 1, 2]}


@pytest.fixture
def sources(tmp_path) -> Sources:
    """Two methods on two folds, with training features for one of them."""
    root = tmp_path / "out"
    for method, guesses in GUESSES.items():
        for fold in (0, 1):
            alpha = {"method_settings": {"alpha": 1}} if method == "aduni" else {}
            run = make_run(
                root / "runs" / f"{method}{fold}",
                method=method,
                fold=fold,
                labels=LABELS,
                predicted=guesses if fold else LABELS,
                **alpha,
            )
            if (method, fold) == ("aduni", 0):
                _write_features(run.features)
    return Sources(root, root, DEFINITIONS)


def _write_features(path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    features = rng.normal(size=(21, 8)) + 4 * np.eye(8)[labels]
    images = np.array([f"train_0_{i:04d}" for i in range(21)])
    np.savez(path, images=images, labels=labels, features=features.astype(np.float16))


def _files(sources: Sources) -> set[str]:
    return {
        str(file.relative_to(sources.output))
        for folder in ("tables", "figures")
        for file in (sources.output / folder).iterdir()
    }


def test_a_report_has_tables_figures_and_a_page(sources):
    page = cached_report(sources)
    assert page == sources.output / "index.html"
    files = _files(sources)
    assert {
        f"tables/{name}"
        for name in ("settings.md", "methods.md", "methods.tex", "tables.csv", "comparisons.csv")
    } <= files
    assert "tables/sampling.md" not in files  # of its rows one was run
    for name in (
        "differences",
        "class_distribution",
        "loss_by_class",
        "embedding",
        "f1_by_class",
        "curves",
    ):
        assert {f"figures/toy_{name}.svg", f"figures/toy_{name}.pdf"} <= files
    text = page.read_text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert 'href="runs/ce0"' in text
    assert "python src/train.py method=ce" in text
    assert "features.npz is damaged" not in text
    _check_numbers(pd.read_csv(sources.output / "tables" / "tables.csv"))


def test_rows_below_a_floor_are_said_before_the_answer(sources):
    floor = {"method_settings": {"_target_": "aduni.methods.Floor"}}
    make_run(sources.root / "runs" / "f", method="dummy", labels=LABELS, predicted=LABELS, **floor)
    floors = Definition(title="Floors", rows=(Row(name="dummy", overrides=("method=dummy",)),))
    page = cached_report(replace(sources, floors=floors))
    assert "below the macro F1" not in (page.parent / SUMMARY).read_text()  # as good as the floor

    for fold in (0, 1):
        shutil.rmtree(sources.root / "runs" / f"ce{fold}")
        name = sources.root / "runs" / f"ce{fold}"
        make_run(name, method="ce", fold=fold, labels=LABELS, predicted=GUESSES["ce"])
    page = cached_report(replace(sources, floors=floors))
    first = (page.parent / SUMMARY).read_text().splitlines()[0]
    assert first.startswith("toy: below the macro F1 of the highest floor, dummy (1.000): CE (")
    text = page.read_text()
    answer = text.index('id="answer"')
    assert answer < text.index(first) < text.index("</section>", answer)
    assert text.count(first) == 1


def _check_numbers(cells: pd.DataFrame) -> None:
    """The tables' numbers are those of the folders."""
    accuracy = cells[(cells["table"] == "methods") & (cells["figure"] == "accuracy")]
    accuracy = accuracy.set_index("row")
    # CE: 8 and 5 of 8 right; AdUni: 8 and 7.
    assert accuracy.loc["CE", "mean"] == pytest.approx((1 + 5 / 8) / 2)
    assert accuracy.loc["CE", "deviation"] == pytest.approx((3 / 8) / 2**0.5)
    assert accuracy.loc["CE", "difference"] == pytest.approx((1 + 5 / 8) / 2 - 0.5)
    assert accuracy.loc["AdUni", "mean"] == pytest.approx((1 + 7 / 8) / 2)
    assert not accuracy["best"].any()  # two folds show nothing


@pytest.mark.usefixtures("blank_figures")
def test_an_unchanged_report_is_not_made_again(sources, monkeypatch):
    monkeypatch.setattr("aduni.reporting.build.build_report", _write_a_page)
    page = cached_report(sources)
    before = page.stat().st_mtime_ns
    cached_report(sources)
    assert page.stat().st_mtime_ns == before
    make_run(sources.root / "runs" / "more", method="ce", fold=2, labels=LABELS, predicted=LABELS)
    cached_report(sources)
    assert page.stat().st_mtime_ns != before


def test_a_changed_file_of_a_question_makes_a_new_report(sources, tmp_path, monkeypatch):
    monkeypatch.setattr("aduni.reporting.build.build_report", _write_a_page)
    conf = Path(__file__).parents[2] / "conf" / "questions"
    merged = OmegaConf.merge(
        *(OmegaConf.load(conf / f"{n}.yaml") for n in ("decision", "clinical"))
    )
    del merged.defaults
    costs = tmp_path / "costs.csv"
    costs.write_text("truth,a,b")
    asked = Questions.model_validate({**OmegaConf.to_container(merged), "cost_matrix": costs})
    page = cached_report(replace(sources, questions=asked))
    before = page.stat().st_mtime_ns
    costs.write_text("truth,a,c")
    cached_report(replace(sources, questions=asked))
    assert page.stat().st_mtime_ns != before


@pytest.mark.usefixtures("blank_figures")
def test_an_edited_run_is_left_out_and_named(sources):
    metrics = sources.root / "runs" / "aduni1" / "metrics.json"
    content = json.loads(metrics.read_text())
    content["test"]["macro_f1"] = 0.99
    metrics.write_text(json.dumps(content))
    text = cached_report(sources).read_text()
    assert "test.macro_f1 = 0.99" in text
    cells = pd.read_csv(sources.output / "tables" / "tables.csv")
    aduni = cells[(cells["row"] == "AdUni") & (cells["table"] == "methods")]
    assert (aduni["folds"] == 1).all()
    assert not aduni["best"].any()


def _plan(sources: Sources, labels: dict[str, str]) -> list[PlannedRun]:
    """Write a plan of three folds of each method, with the labels of their rows."""
    planned = [
        PlannedRun(
            id=f"{method}{fold}",
            folder=f"{method}{fold}",
            dataset="toy",
            fold=fold,
            seed=0,
            rows=(("methods", label),),
            overrides=(f"method={method}", f"fold={fold}"),
        )
        for method, label in labels.items()
        for fold in (0, 1, 2)
    ]
    plan = Plan(profile="mine", folds=(0, 1, 2), runs=tuple(planned))
    (sources.root / "plan.json").write_text(plan.model_dump_json())
    return planned


@pytest.mark.usefixtures("blank_figures")
def test_planned_rows_that_no_table_has_are_named(sources):
    _plan(sources, {"ce": "CE", "aduni": "mine"})
    text = cached_report(sources).read_text()
    assert "Planned rows that are in no table are left out: mine;" in text
    assert "table@methods=NAME" in text
    _plan(sources, {"ce": "CE", "aduni": "AdUni"})
    assert "in no table" not in cached_report(sources).read_text()


@pytest.mark.usefixtures("blank_figures")
def test_missing_and_failed_runs_are_shown_as_such(sources):
    planned = _plan(sources, {"ce": "CE", "aduni": "AdUni"})
    failed = run_folder(sources.root, planned[5])
    failed.path.mkdir()
    failed.failure.write_text('{"reason": "The loss is no longer finite.", "status": 1}')
    text = cached_report(sources).read_text()
    assert "The loss is no longer finite." in text
    assert "4 of 6 finished" in text
    assert "2 of 3 folds" in text
    cells = pd.read_csv(sources.output / "tables" / "tables.csv")
    assert not cells.loc[cells["table"] == "methods", "best"].any()


@pytest.mark.usefixtures("blank_figures")
def test_features_that_cannot_be_drawn_are_a_warning(sources):
    damaged, *flat = (
        sources.root / "runs" / run / "features.npz" for run in ("aduni0", "aduni1", "ce0")
    )
    damaged.write_bytes(damaged.read_bytes()[:100])
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    for value, file in enumerate(flat):
        np.savez(file, labels=labels, features=np.full((21, 8), value, dtype=np.float16))
    text = cached_report(sources).read_text()
    assert f"{damaged} is damaged" in text
    assert all(f"{file} has the same features for all images" in text for file in flat)
    assert "toy_embedding" not in text
    assert 'href="runs/aduni0"' in text


def test_a_folder_without_runs_is_refused(tmp_path, refusal):
    refusal(lambda: cached_report(Sources(tmp_path, tmp_path, DEFINITIONS)), "runs=", tmp_path)


class Killed(BaseException):
    """Stands for SIGKILL: nothing is tidied up."""


def _die_at(call: int, monkeypatch) -> list[object]:
    """Let a process die before its nth renaming or removal of a file."""
    calls: list[object] = []

    def counted(function):
        def run(*args, **kwargs):
            calls.append(args)
            if len(calls) == call:
                raise Killed
            return function(*args, **kwargs)

        return run

    monkeypatch.setattr(os, "replace", counted(os.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    return calls


def _write_a_page(sources: Sources, stamp: str) -> Path:
    """Stands for `build_report`: the page names its runs, and so does a figure's file."""
    with atomic_folder(sources.output) as folder:
        runs = ", ".join(sorted(path.parent.name for path in sources.root.rglob("metrics.json")))
        for place in ("index.html", "tables/methods.md", "tables/tables.csv", f"figures/{runs}"):
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_text(runs)
        (folder / ".report.sha256").write_text(stamp)
    return sources.output / "index.html"


def test_a_report_that_was_killed_at_any_renaming_is_made_again(sources, monkeypatch):
    monkeypatch.setattr("aduni.reporting.build.build_report", _write_a_page)
    metrics = sources.root / "runs" / "ce1" / "metrics.json"
    places = (metrics, metrics.with_name("aside"))
    cached_report(sources)
    for renaming in range(1, 100):
        for here, there in (places, places[::-1]):  # to another page, and back
            here.rename(there)
            with monkeypatch.context() as dying, suppress(Killed):
                calls = _die_at(renaming, dying)
                cached_report(sources)
            page = cached_report(sources).read_text()
            assert page == ("aduni0, aduni1, ce0" + (", ce1" if there == metrics else ""))
            assert _files(sources) == {"tables/methods.md", "tables/tables.csv", f"figures/{page}"}
            for file in _files(sources):
                assert (sources.output / file).read_text() == page
        if len(calls) < renaming:
            break
    # Stamp and old figure go, four files and the stamp come.
    assert len(calls) == 2 + 5
