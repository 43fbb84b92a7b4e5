"""Cells, the best of a block, and states, on hand-made runs with known figures."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.table import Cell, Table
from aduni.results.finished_runs import Run, read_run
from aduni.results.plan import Plan, PlannedRun
from hand_made import make_run

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
ROWS = {"CE": "ce", "LDAM": "ldam", "CICL": "cicl"}
TOY = Definition(
    title="Toy",
    rows=tuple(
        Row(
            name=name,
            overrides=(f"method={method}", "sampler=none"),
            paper={"toy": {"accuracy": (0.75, 0.002)}} if method == "ce" else {},
        )
        for name, method in ROWS.items()
    ),
)


@pytest.fixture
def add(tmp_path: Path):
    """Adds a run with so many of ten images right."""

    def added(name: str, hits: int, **settings) -> Run:
        # Wrong ones are taken for the next class.
        predicted = [c if i < hits else (c + 1) % 3 for i, c in enumerate(LABELS)]
        return read_run(make_run(tmp_path / name, labels=LABELS, predicted=predicted, **settings))

    return added


def _cell(table: Table, row: str, metric: str = "accuracy", dataset: str = "toy") -> Cell:
    (cells,) = [r.cells for r in table.rows if r.label == row]
    (cell,) = [c for c in cells if (c.dataset, c.metric.key) == (dataset, metric)]
    return cell


def _best(table: Table, metric: str = "accuracy") -> list[str]:
    return [r.label for r in table.rows if _cell(table, r.label, metric).best]


def test_mean_and_deviation_over_folds_and_the_difference_to_the_paper(add):
    runs = [add(f"{fold}", hits, fold=fold) for fold, hits in enumerate([6, 8, 10])]
    cell = _cell(build_table("toy", TOY, runs), "CE")
    assert cell.mean == pytest.approx(0.8)
    assert cell.deviation == pytest.approx(0.2)  # squares 4, 0, 4 hundredths over n - 1 = 2
    assert (cell.folds, cell.planned_folds, cell.lacking, cell.state) == (3, 3, "", "")
    assert cell.paper == (0.75, 0.002)
    assert cell.difference == pytest.approx(0.05)


def test_one_fold_has_no_deviation_and_alone_is_not_the_best(add):
    table = build_table("toy", TOY, [add("a", 6)])
    assert _cell(table, "CE").deviation is None
    assert _best(table) == []
    assert _cell(table, "LDAM").state == "not run"
    assert _cell(table, "LDAM").mean is None
    assert _cell(table, "LDAM").difference is None


def test_seeds_are_averaged_within_their_fold_first(add):
    runs = [add("a", 4), add("b", 6, seed=1), add("c", 9, fold=1), add("d", 9, fold=1, seed=1)]
    cell = _cell(build_table("toy", TOY, runs), "CE")
    assert cell.mean == pytest.approx(0.7)
    assert cell.deviation == pytest.approx(0.4 / 2**0.5)  # of 0.5 and 0.9
    assert (cell.folds, cell.lacking) == (2, "")
    fewer = _cell(build_table("toy", TOY, runs[:3]), "CE")
    assert fewer.mean == pytest.approx(0.7)
    assert fewer.lacking == "3 of 4 runs"


def _folds(add, method: str, hits: tuple[int, ...], **settings) -> list[Run]:
    return [
        add(f"{method}{settings}{f}", h, fold=f, method=method, **settings)
        for f, h in enumerate(hits)
    ]


def test_rows_not_detectably_behind_the_best_are_bold(add):
    runs = [*_folds(add, "ce", (7, 8, 9)), *_folds(add, "ldam", (8, 7, 10))]
    # Differences to LDAM -0.1, 0.1, -0.1: the t interval over folds contains 0.
    assert _best(build_table("toy", TOY, runs)) == ["CE", "LDAM"]
    # Of CICL -0.2, -0.2, -0.3: mean -0.233, width 4.303 * 0.0577 / sqrt(3) = 0.143.
    behind = [*runs, *_folds(add, "cicl", (6, 5, 7))]
    assert _best(build_table("toy", TOY, behind)) == ["CE", "LDAM"]


def test_two_folds_show_nothing(add):
    runs = [*_folds(add, "ce", (5, 5)), *_folds(add, "ldam", (9, 9))]
    assert _best(build_table("toy", TOY, runs)) == []


def test_a_missing_fold_takes_no_part_in_the_choice(add):
    runs = [
        *_folds(add, "cicl", (10, 10)),
        *_folds(add, "ce", (5, 5, 5)),
        *_folds(add, "ldam", (6, 6, 6)),
    ]
    table = build_table("toy", TOY, runs)
    cell = _cell(table, "CICL")
    assert (cell.mean, cell.folds, cell.planned_folds) == (1.0, 2, 3)
    assert cell.lacking == "2 of 3 folds"
    assert _best(table) == ["LDAM"]
    # With LDAM's last fold gone too, CE is complete alone.
    assert _best(build_table("toy", TOY, runs[:-1])) == []


def test_a_row_of_no_block_competes_in_each(add):
    rows = [
        Row(name=name, block=block, overrides=(f"method={name}",))
        for name, block in (("ce", ""), ("ldam", "a"), ("cicl", "b"), ("paco", "b"))
    ]
    hits = {"ce": 7, "ldam": 6, "cicl": 8, "paco": 5}
    runs = [run for name, right in hits.items() for run in _folds(add, name, (right,) * 3)]
    table = build_table("toy", Definition(title="Toy", rows=tuple(rows)), runs)
    assert _best(table) == ["b, cicl"]  # a's best is ce, and alone it is none


def test_blocks_compete_apart(add):
    rows = [
        Row(name="w/o", block=f"alpha {v}", overrides=(f"alpha.value={v}", f"sampler={s}"))
        for v, s in ((0.1, "none"), (0.1, "sqrt"), (0.5, "none"), (0.5, "sqrt"))
    ]
    rows = [r.model_copy(update={"name": r.values["sampler"]}) for r in rows]
    hits = iter((9, 8, 5, 6))
    runs = [
        run
        for r in rows
        for run in _folds(
            add,
            "ce",
            (next(hits),) * 3,
            sampler=r.name,
            alpha="constant",
            alpha_value=r.values["alpha.value"],
        )
    ]
    table = build_table("alphas", Definition(title="Alphas", rows=tuple(rows)), runs)
    assert _best(table) == ["alpha 0.1, none", "alpha 0.5, sqrt"]


def test_a_low_calibration_error_is_best_and_time_never(add):
    runs = [
        *_folds(add, "ce", (8, 8, 8), confidence=0.5, train_seconds=60.0),
        *_folds(add, "ldam", (8, 8, 8), confidence=0.75, train_seconds=6000.0),
    ]
    columns = ("expected_calibration_error", "train_seconds")
    table = build_table("toy", TOY, runs, columns=columns)
    assert [f.key for f in table.metrics] == ["accuracy", "macro_f1", *columns]
    assert _cell(table, "CE", "expected_calibration_error").mean == pytest.approx(0.3)
    assert _best(table, "expected_calibration_error") == ["LDAM"]
    assert _cell(table, "LDAM", "train_seconds").mean == 6000
    assert _best(table, "train_seconds") == []


def test_a_figure_without_a_value_is_not_guessed(tmp_path):
    run = read_run(make_run(tmp_path / "a", labels=[0, 0, 1], predicted=[0, 0, 1]))
    cell = _cell(build_table("toy", TOY, [run], columns=["macro_auroc"]), "CE", "macro_auroc")
    assert (cell.mean, cell.state) == (None, "undefined")


def test_an_unknown_column(refusal):
    refusal(lambda: build_table("toy", TOY, [], columns=["macro_auc"]), "macro_auc", "macro_auroc?")


def _planned(method: str, fold: int, row: str, seed: int = 0) -> PlannedRun:
    name = f"{method}{fold}{seed}"
    return PlannedRun(
        id=name,
        folder=name,
        dataset="toy",
        fold=fold,
        seed=seed,
        rows=(("toy", row),),
        overrides=(),
    )


@pytest.fixture
def plan() -> Plan:
    runs = [_planned(method, fold, row) for row, method in ROWS.items() for fold in (0, 1)]
    return Plan(profile="p", folds=(0, 1), runs=tuple(runs))


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (("missing", ""), ("missing", ""), "not run"),
        (("stopped", ""), ("missing", ""), "stopped"),
        (("failed", "disk full"), ("stopped", ""), "failed: disk full"),
        (("failed", "disk full"), ("failed", "killed"), "failed: disk full"),
        (("failed", "disk full"), ("running", ""), "running"),
        (("done", ""), ("missing", ""), "left out"),
    ],
)
def test_the_plan_says_why_there_is_nothing(plan, add, first, second, shown):
    states = {"ldam00": first, "ldam10": second, "cicl00": ("running", "")}
    table = build_table("toy", TOY, [add("a", 6)], plan=plan, states=states)
    assert _cell(table, "LDAM").state == shown
    assert _cell(table, "LDAM").mean is None
    assert _cell(table, "CICL").state == "running"
    # The plan asks for two folds, though one is all that any row has.
    assert (_cell(table, "CE").lacking, _cell(table, "CE").state) == ("1 of 2 folds", "")


def test_a_fold_outside_the_plan_is_left_out_and_said(plan, add):
    runs = [add("a", 6), add("b", 8, fold=1), add("c", 10, fold=2)]
    table = build_table("toy", TOY, runs, plan=plan)
    assert _cell(table, "CE").mean == pytest.approx(0.7)
    (warning,) = table.warnings
    assert str(runs[2].folder.path) in warning
    assert "no such fold" in warning


def test_a_plan_for_another_table_does_not_count(plan, add):
    table = build_table("other", TOY, [add("a", 6)], plan=plan)
    assert _cell(table, "CE").planned_folds == 1
    assert build_table("other", TOY, [], plan=plan).datasets == ()


@pytest.mark.parametrize("newer", [0, 1])
def test_of_two_equal_runs_the_newest_counts_and_both_are_named(add, newer):
    runs = [add("a", 5), add("b", 9)]
    for i, run in enumerate(runs):
        os.utime(run.folder.metrics, (1000, 2000 if i == newer else 1000))
    table = build_table("toy", TOY, runs)
    assert _cell(table, "CE").mean == pytest.approx((0.5, 0.9)[newer])
    (warning,) = table.warnings
    used, unused = runs[newer].folder.path, runs[1 - newer].folder.path
    assert f"{used}, not {unused}" in warning
    assert table.runs["CE", "toy"] == {(0, 0): runs[newer]}


def test_data_sets_stand_in_the_papers_order(add):
    names = ["digits", "aptos", "alpha", "isic2018"]
    runs = [add(name, 5, dataset=name) for name in names]
    assert build_table("toy", TOY, runs).datasets == ("isic2018", "aptos", "alpha", "digits")


def test_runs_of_no_row_are_passed_over(add):
    runs = [add("a", 5), add("b", 5, sampler="sqrt"), add("c", 5, method="focal", dataset="x")]
    table = build_table("toy", TOY, runs)
    assert table.datasets == ("toy",)
    assert table.runs == {("CE", "toy"): {(0, 0): runs[0]}}
    assert table.warnings == ()


def test_a_run_belongs_to_the_rows_that_the_plan_names(plan, add):
    # By its values it would be CE's, too: a row need not name what another row changes.
    changed = _planned("ce", 0, "LDAM").model_copy(update={"folder": "changed"})
    altered = plan.model_copy(update={"runs": (*plan.runs, changed)})
    table = build_table("toy", TOY, [add("changed", 6, method="ce")], plan=altered)
    assert _cell(table, "LDAM").mean == pytest.approx(0.6)
    assert _cell(table, "CE").mean is None


def test_kappa_is_shown_of_grades_alone_and_the_cell_says_why(add):
    runs = [add("a", 6), add("b", 8, dataset="graded", ordinal=True)]
    assert runs[0].test["quadratic_kappa"] is None
    graded = runs[1].test | {"quadratic_kappa": 0.5}
    runs[1] = replace(runs[1], metrics={**runs[1].metrics, "test": graded})
    table = build_table("toy", TOY, runs, columns=["quadratic_kappa"])

    without = _cell(table, "CE", "quadratic_kappa")
    assert (without.mean, without.state) == (None, "classes without order")
    assert _cell(table, "CE", "quadratic_kappa", "graded").mean == 0.5
