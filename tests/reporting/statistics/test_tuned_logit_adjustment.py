"""Moved decisions against slow loops, hand-worked numbers and hand-made runs."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from aduni.reporting.statistics.paired import compare
from aduni.reporting.statistics.tuned_logit_adjustment import (
    adjusted_table,
    tau_frame,
    with_tuned_adjustment,
)
from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.formats import csv_frame, footnote
from aduni.reporting.tables.table import Cell, Table
from aduni.results.finished_runs import Run, read_run
from aduni.results.predictions_csv import labels_and_probabilities
from aduni.results.validation import check_predictions
from hand_made import CLASSES, make_run

GRID = [round(-2 + 0.05 * k, 2) for k in range(81)]
TRAINING = (0,) * 40 + (1,) * 10 + (2,) * 5
PI = np.array([40, 10, 5]) / 55
COLUMNS = [f"p_{name}" for name in CLASSES]
TOY = Definition(
    title="Toy",
    rows=tuple(
        Row(
            name=method.upper(),
            overrides=(f"method={method}", f"protocol={protocol}"),
            paper={"toy": {"macro_f1": (0.5, 0.1)}},
        )
        for method, protocol in (("ce", "clean"), ("ldam", "clean"), ("cicl", "paper"))
    ),
    pairs=(("LDAM", "CE"),),
)


def _rows(part: str, fold: int, labels, probabilities) -> pd.DataFrame:
    """Of predictions, with columns as in predictions.csv."""
    names = np.array(CLASSES)
    frame = pd.DataFrame(
        {
            "image": [f"{part}{fold}_{i:04d}" for i in range(len(labels))],
            "part": part,
            "label": names[labels],
            "predicted": names[np.argmax(probabilities, axis=1)],
        }
    )
    return frame.join(pd.DataFrame(probabilities, columns=COLUMNS))


@pytest.fixture
def make(tmp_path):
    """Makes a run whose validation and test rows are given as (labels, probabilities)."""

    def made(name: str, validation, test, **settings) -> Run:
        settings = {"training_labels": TRAINING, **settings}
        labels, probabilities = test
        predicted = np.argmax(probabilities, axis=1)
        folder = make_run(tmp_path / name, labels=labels, predicted=predicted, **settings)
        run, fold = read_run(folder), settings.get("fold", 0)
        parts = [_rows("test", fold, labels, probabilities)]
        if validation is not None:
            parts.insert(0, _rows("validation", fold, *validation))
        predictions = pd.concat(parts, ignore_index=True)
        split = predictions[["image", "label", "part"]].assign(group=range(len(predictions)))
        split = pd.concat([split, run.split[run.split["part"] == "train"]], ignore_index=True)
        return replace(run, predictions=predictions, split=split)

    return made


def _random(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities that lean to the frequent classes."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=PI)
    logits = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[labels] + np.log(PI)
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def _slow(labels, probabilities, tau: float, pi=PI) -> float:
    """Macro F1 with tuned logit adjustment, by loops and scikit-learn."""
    decided = []
    for p in probabilities:
        scores = [math.log(max(p[c], 1e-12)) - tau * math.log(pi[c]) for c in range(len(pi))]
        decided.append(scores.index(max(scores)))
    names = range(len(pi))
    return f1_score(labels, decided, labels=names, average="macro", zero_division=0)


def _slow_tau(labels, probabilities) -> float:
    f1 = {tau: _slow(labels, probabilities, tau) for tau in GRID}
    found = [tau for tau in GRID if f1[tau] > max(f1.values()) - 1e-10]
    return sorted(found, key=lambda tau: (abs(tau), tau))[0]


@pytest.mark.parametrize("seed", range(4))
def test_tau_and_figures_are_those_of_a_slow_loop(make, seed):
    validation, test = _random(seed), _random(100 + seed, 40)
    run = make("a", validation, test)
    found = with_tuned_adjustment(run)
    tau = _slow_tau(*validation)
    assert found.metrics["tau"] == tau
    assert type(found.metrics["tau"]) is float
    assert found.test["macro_f1"] == pytest.approx(_slow(*test, tau), abs=1e-12)
    assert found.metrics["validation"]["macro_f1"] == pytest.approx(
        _slow(*validation, tau), abs=1e-12
    )
    for part, (labels, probabilities) in (("validation", validation), ("test", test)):
        rows = found.predictions[found.predictions["part"] == part]
        kept, table = labels_and_probabilities(rows, list(CLASSES))
        weights = probabilities * PI**-tau
        assert (kept == labels).all()
        assert table == pytest.approx(weights / weights.sum(axis=1, keepdims=True), abs=1e-10)


def test_the_adjusted_run_holds_together_and_the_old_one_is_untouched(make):
    run = make("a", _random(1), _random(2))
    before, metrics = run.predictions.copy(), dict(run.metrics)
    found = with_tuned_adjustment(run)
    assert found.metrics["tau"] != 0
    assert check_predictions(found.predictions, run.split, list(CLASSES)) == ""
    pd.testing.assert_frame_equal(run.predictions, before)
    assert run.metrics == metrics
    assert list(found.predictions.columns) == list(before.columns)
    kept = ["image", "part", "label"]
    pd.testing.assert_frame_equal(found.predictions[kept], before[kept])
    assert found.test.keys() == run.test.keys()
    assert (found.folder, found.config, found.fold) == (run.folder, run.config, run.fold)
    assert np.sum(found.test["confusion_matrix"]) == 60  # the test part


@pytest.mark.parametrize("offset", [-1.5, -0.35, 0.0, 0.05, 1.0, 1.95])
def test_a_known_offset_is_recovered(make, offset):
    """Posteriors so near to even that only this grid point decides as the Bayes rule does."""
    labels, posterior = [], []
    for c in range(3):
        for other in {0, 1, 2} - {c}:
            odds = np.full(3, 1e-3)
            # Within 0.02 of tau on both sides.
            odds[c], odds[other] = 1.0, (min(PI[c], PI[other]) / max(PI[c], PI[other])) ** 0.02
            labels.append(c)
            posterior.append(odds / odds.sum())
    shifted = np.array(posterior) * PI**offset
    shifted /= shifted.sum(axis=1, keepdims=True)
    found = with_tuned_adjustment(make("a", (labels, shifted), (labels, shifted)))
    assert found.metrics["tau"] == offset
    assert found.test["macro_f1"] == 1
    table = found.predictions.loc[found.predictions["part"] == "test", COLUMNS].to_numpy()
    assert table == pytest.approx(np.array(posterior), abs=1e-9)


def test_hand_worked_numbers(make):
    # Two classes of 8 : 1, the third with pi = 1/8 too. Class 1 is decided over class 0 where
    # log(0.8 / 0.1) < tau log 8, that is above tau = 1: first at 1.05.
    training = (0,) * 8 + (1,) + (2,)
    sure, torn, rare = [0.98, 0.01, 0.01], [0.8, 0.1 - 1e-6, 0.1 - 2e-6], [1e-6, 1e-6, 1.0]
    labels, table = [0, 1, 2], np.array([sure, torn, rare])
    table /= table.sum(axis=1, keepdims=True)
    test = [0, 0, 1, 2], table[[0, 1, 1, 2]]
    run = make("a", (labels, table), test, training_labels=training)
    assert run.test["macro_f1"] == pytest.approx((2 * 2 / 5 + 0 + 1) / 3)  # 0 takes three
    found = with_tuned_adjustment(run)
    assert found.metrics["tau"] == 1.05
    # Class 0: of 1 decided, 1 of 2 hit, F1 2/3; class 1: of 2 decided, 1 of 1 hit, F1 2/3.
    assert found.test["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found.test["confusion_matrix"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found.test["accuracy"] == 0.75


def test_tau_is_chosen_on_validation_alone(make):
    validation, (labels, table) = _random(3), _random(4)
    one = with_tuned_adjustment(make("a", validation, (labels, table)))
    other = with_tuned_adjustment(make("b", validation, (2 - labels, table[::-1, [1, 2, 0]])))
    assert one.metrics["tau"] == other.metrics["tau"] != 0
    assert one.test["macro_f1"] != other.test["macro_f1"]


def test_of_equally_good_taus_the_nearest_to_nothing_then_the_negative_one(make):
    sure = np.eye(3) * 0.997 + 0.001
    assert with_tuned_adjustment(make("a", ([0, 1, 2], sure), _random(1))).metrics["tau"] == 0
    # The first image is class 0's below -0.43, the last class 2's above 0.43, else both class 1's.
    first = np.array([(PI[1] / PI[0]) ** 0.43, 1, 1e-3])
    last = np.array([1e-3, 1, (PI[2] / PI[1]) ** 0.43])
    table = np.stack([first / first.sum(), [1e-4, 1 - 2e-4, 1e-4], last / last.sum()])
    labels = [0, 1, 2]
    assert _slow(labels, table, 0.4) == pytest.approx((0 + 1 / 2 + 0) / 3)
    assert _slow(labels, table, -0.45) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert _slow(labels, table, 0.45) == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert with_tuned_adjustment(make("b", (labels, table), _random(1))).metrics["tau"] == -0.45


def test_a_probability_of_nothing_is_clipped(make):
    table = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = with_tuned_adjustment(make("a", ([0, 1, 2], table), ([0, 1, 2], table)))
    assert found.metrics["tau"] == 0
    adjusted_values = found.predictions[COLUMNS].to_numpy()
    assert np.isfinite(adjusted_values).all()
    assert adjusted_values.min() == pytest.approx(1e-12, rel=1e-6, abs=0)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
def test_a_class_without_test_images_counts_as_in_every_macro_f1(make):
    labels, table = _random(5)
    seen = labels != 2
    found = with_tuned_adjustment(make("a", (labels, table), (labels[seen], table[seen])))
    tau = _slow_tau(labels, table)
    assert found.test["macro_f1"] == pytest.approx(_slow(labels[seen], table[seen], tau))
    assert found.test["macro_auroc"] is None


def test_a_class_without_training_images_counts_as_one(make):
    validation = _random(5)
    none = make("a", validation, _random(6), training_labels=TRAINING[:50])
    one = make("b", validation, _random(6), training_labels=TRAINING[:51])
    assert none.metrics["training_counts"]["rare"] == 0
    assert with_tuned_adjustment(none).metrics["tau"] == with_tuned_adjustment(one).metrics["tau"]
    assert with_tuned_adjustment(none).test == with_tuned_adjustment(one).test


def test_without_a_validation_part_nothing_moves(make):
    assert with_tuned_adjustment(make("a", None, _random(1), protocol="paper")) is None


@pytest.fixture
def table(make) -> Table:
    """Two rows of two folds and two seeds, one of them with a run less, and a row of `paper`."""
    runs = [
        make(
            f"{method}{fold}{seed}",
            _random(10 + fold + 5 * seed + bonus),
            _random(50 + fold),
            method=method,
            fold=fold,
            seed=seed,
        )
        for bonus, method in enumerate(("ce", "ldam"))
        for fold in (0, 1)
        for seed in (0, 1)
        if (method, fold, seed) != ("ldam", 1, 1)
    ]
    runs.append(make("paper", None, _random(70), method="cicl", protocol="paper"))
    return build_table("methods", TOY, runs, columns=("expected_calibration_error",))


def _cell(table: Table, row: str, figure: str = "macro_f1") -> Cell:
    (cells,) = [r.cells for r in table.rows if r.label == row]
    (cell,) = [c for c in cells if c.metric.key == figure]
    return cell


def test_the_table_of_adjusted_runs(table):
    found = adjusted_table(table)
    assert (found.name, found.title) == ("methods-moved", "Toy, with tuned logit adjustment")
    assert (found.datasets, found.metrics, found.pairs) == (("toy",), table.metrics, table.pairs)
    assert [row.label for row in found.rows] == ["CE", "LDAM", "CICL"]
    assert all(cell.paper is None for row in found.rows for cell in row.cells)
    units = table.runs["CE", "toy"].items()
    values = {unit: with_tuned_adjustment(run).test["macro_f1"] for unit, run in units}
    folds = [(values[fold, 0] + values[fold, 1]) / 2 for fold in (0, 1)]
    cell = _cell(found, "CE")
    assert cell.mean == pytest.approx(sum(folds) / 2)
    assert cell.deviation == pytest.approx(abs(folds[0] - folds[1]) / math.sqrt(2))
    assert (cell.folds, cell.planned_folds, cell.lacking, cell.state) == (2, 2, "", "")
    assert _cell(found, "LDAM").lacking == _cell(table, "LDAM").lacking == "3 of 4 runs"
    assert cell.mean != _cell(table, "CE").mean
    assert _cell(table, "CE").paper == (0.5, 0.1)  # as it was
    assert "paper" not in footnote(found)


def test_rows_that_cannot_be_adjusted_show_no_value(table):
    found = adjusted_table(table)
    cell = _cell(found, "CICL")
    assert (cell.mean, cell.folds, cell.state) == (None, 0, "no validation part")
    assert cell.lacking == "0 of 2 folds"
    assert ("CICL", "toy") not in found.runs
    assert _cell(table, "CICL").mean is not None
    without = replace(table, runs={k: v for k, v in table.runs.items() if k[0] == "CE"})
    assert _cell(adjusted_table(without), "LDAM").state == "not run"
    assert len(csv_frame([found])) == 9


def test_the_best_is_chosen_anew(make):
    # LDAM knows the classes apart but leans to the frequent one; CE is right more often.
    labels = [0, 0, 1, 1, 2, 2]
    leaning = np.eye(3)[labels] * 0.3 + 0.01 + np.array([0.6, 0, 0])
    leaning /= leaning.sum(axis=1, keepdims=True)
    fair = np.eye(3)[[0, 0, 1, 1, 2, 0]] * 0.97 + 0.01
    part = {"ldam": (labels, leaning), "ce": (labels, fair)}
    runs = [make(f"{m}{f}", part[m], part[m], method=m, fold=f) for m in part for f in (0, 1, 2)]
    table = build_table("methods", TOY, runs)
    assert [_cell(table, row).best for row in ("CE", "LDAM")] == [True, False]
    found = adjusted_table(table)
    assert [_cell(found, row).best for row in ("CE", "LDAM")] == [False, True]
    assert _cell(found, "LDAM").mean == 1


def test_adjusted_rows_are_compared_like_others(table):
    found = compare(adjusted_table(table))
    pairs = {(c.row, c.baseline) for c in found}
    assert pairs == {("LDAM", "CE")}
    (f1,) = [c for c in found if c.metric == "macro_f1"]
    assert f1.table == "methods-moved"
    rows = {row: table.runs[row, "toy"] for row in ("CE", "LDAM")}
    moves = {
        row: {unit: with_tuned_adjustment(run) for unit, run in units.items()}
        for row, units in rows.items()
    }
    by_fold = [
        np.mean(
            [
                run.test["macro_f1"] - moves["CE"][unit].test["macro_f1"]
                for unit, run in moves["LDAM"].items()
                if unit[0] == fold
            ]
        )
        for fold in (0, 1)
    ]
    assert f1.difference == pytest.approx(np.mean(by_fold))
    assert f1.interval[0] < f1.pooled < f1.interval[1]


def test_the_frame_has_a_line_a_run(table):
    frame = tau_frame(table, adjusted_table(table))
    assert list(frame.columns) == [
        *("dataset", "row", "fold", "seed", "tau", "macro_f1", "moved_macro_f1")
    ]
    expected = [("CE", f, s) for f in (0, 1) for s in (0, 1)]
    expected += [("LDAM", 0, 0), ("LDAM", 0, 1), ("LDAM", 1, 0), ("CICL", 0, 0)]
    assert list(zip(frame["row"], frame["fold"], frame["seed"], strict=True)) == expected
    assert set(frame["dataset"]) == {"toy"}
    for line in frame[frame["row"] != "CICL"].itertuples():
        run = table.runs[line.row, "toy"][line.fold, line.seed]
        found = with_tuned_adjustment(run)
        assert line.tau == found.metrics["tau"]
        assert line.macro_f1 == run.test["macro_f1"]
        assert line.moved_macro_f1 == found.test["macro_f1"]
    (paper,) = frame[frame["row"] == "CICL"].itertuples()
    assert math.isnan(paper.tau)
    assert math.isnan(paper.moved_macro_f1)
    assert paper.macro_f1 > 0


def test_a_table_without_runs():
    empty = build_table("methods", TOY, [])
    assert tau_frame(empty, adjusted_table(empty)).empty
    assert tau_frame(empty, adjusted_table(empty)).dtypes["tau"] == np.float64
    assert adjusted_table(empty).runs == {}
