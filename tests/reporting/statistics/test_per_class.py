"""F1 and loss of each class against plain loops, over hand-made runs."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from aduni.metrics.samples import group_draws
from aduni.reporting.page.html import Page, PageTable, render
from aduni.reporting.statistics.per_class import COLUMNS, class_frame, class_tables
from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.table import Table
from aduni.results.finished_runs import Run, read_run
from hand_made import make_run

CLASSES = ("<b>less", "=rare|x", 'nan "common')
"""The largest is the last, the smallest the second."""
TRAINING = (2,) * 20 + (0,) * 12 + (1,) * 4
ORDER = [CLASSES[c] for c in (2, 0, 1)]
TEST = (2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 2, 0, 1)
UNITS = {
    "CE": [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)],
    "LDAM": [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1)],
    "CICL": [(1, 2), (3, 0)],
}
"""LDAM and CE have five runs each, and four in common; CICL and CE have none."""
UNSEEN = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
"""Of scikit-learn's balanced accuracy, where a class is predicted that no test image has."""
TOY = Definition(title="Toy", rows=[Row(name=m, overrides=[f"method={m.lower()}"]) for m in UNITS])


@pytest.fixture
def add(tmp_path):
    """Makes a run whose predictions follow from its row, fold and seed."""

    def added(row: str, fold: int, seed: int, **settings) -> Run:
        place = ("CE", "LDAM", "CICL").index(row)
        rng = np.random.default_rng([place, fold, seed])
        labels = settings.pop("labels", TEST)
        classes = settings.pop("classes", CLASSES)
        wrong = rng.integers(len(CLASSES), size=len(labels))
        predicted = np.where(rng.random(len(labels)) < 0.4 + 0.2 * place, labels, wrong)
        # The same images, labels and predictions under another numbering of the classes.
        number = [list(classes).index(name) for name in CLASSES]
        dataset = settings.get("dataset", "toy")
        folder = make_run(
            tmp_path / f"{dataset}{row}{fold}{seed}{len(list(tmp_path.iterdir()))}",
            labels=[number[c] for c in labels],
            predicted=[number[c] for c in predicted],
            confidence=rng.uniform(0.5, 0.95, len(labels)).tolist(),
            method=row.lower(),
            fold=fold,
            seed=seed,
            classes=classes,
            groups=[100 * fold + i // 2 for i in range(len(labels))],
            training_labels=[number[c] for c in settings.pop("training", TRAINING)],
            **settings,
        )
        return read_run(folder)

    return added


@pytest.fixture
def table(add) -> Table:
    return build_table(
        "toy", TOY, [add(row, *unit) for row, units in UNITS.items() for unit in units]
    )


def _lines(table: Table, row: str, units, dataset: str = "toy") -> list[dict]:
    """One a test image and run: names of classes, loss, group, weight."""
    found = []
    for fold, seed in units:
        run = table.runs[row, dataset][fold, seed]
        group = dict(zip(run.split["image"], run.split["group"], strict=True))
        for line in run.predictions.to_dict("records"):
            if line["part"] == "test":
                found.append(
                    {
                        "unit": (fold, seed),
                        "image": line["image"],
                        "label": line["label"],
                        "taken": line["predicted"],
                        "loss": -math.log(line[f"p_{line['label']}"]),
                        "group": group[line["image"]],
                        "weight": 1 / len([1 for f, _ in units if f == fold]),
                    }
                )
    return found


def _f1(lines: list[dict], name: str, times=None) -> float:
    """Of one class, by counting; `times` says how often a group was drawn.

    Each seed's, weighted by its images.
    """
    total = images = 0.0
    for seed in {line["unit"][1] for line in lines}:
        of_seed = [line for line in lines if line["unit"][1] == seed]
        weights = [
            line["weight"] * (1 if times is None else times[line["group"]]) for line in of_seed
        ]
        total += sum(weights) * _f1_of_seed(of_seed, weights, name)
        images += sum(weights)
    return total / images


def _f1_of_seed(lines: list[dict], weights: list[float], name: str) -> float:
    hits = missed = false = 0.0
    for line, weight in zip(lines, weights, strict=True):
        if line["label"] == name and line["taken"] == name:
            hits += weight
        elif line["label"] == name:
            missed += weight
        elif line["taken"] == name:
            false += weight
    total = 2 * hits + missed + false
    return 2 * hits / total if total else 0.0


def _line(frame: pd.DataFrame, row: str, name: str, dataset: str = "toy") -> pd.Series:
    chosen = frame["row"].eq(row) & frame["class"].eq(name) & frame["dataset"].eq(dataset)
    (position,) = np.flatnonzero(chosen)
    return frame.iloc[position]


def test_a_line_for_each_row_and_class_the_largest_first(table):
    frame = class_frame(table)
    assert tuple(frame.columns) == COLUMNS
    found = frame[["dataset", "row", "class"]].to_numpy().tolist()
    assert found == [["toy", row, name] for row in UNITS for name in ORDER]
    assert frame["images"].dtype == np.int64


def _by_sklearn(lines: list[dict]) -> np.ndarray:
    """(C,) F1."""
    labels, taken = ([line[key] for line in lines] for key in ("label", "taken"))
    weights = [line["weight"] for line in lines]
    found: np.ndarray = f1_score(labels, taken, labels=ORDER, average=None, sample_weight=weights)
    return found


def test_images_f1_and_loss_are_those_of_plain_loops(table):
    frame = class_frame(table)
    for row, units in UNITS.items():
        lines = _lines(table, row, units)
        numbers = {seed for _, seed in units}
        seeds = [[line for line in lines if line["unit"][1] == number] for number in numbers]
        shares = [sum(line["weight"] for line in of_seed) for of_seed in seeds]
        by_sklearn = np.average([*map(_by_sklearn, seeds)], axis=0, weights=shares)
        for name, f1 in zip(ORDER, by_sklearn, strict=True):
            found = _line(frame, row, name)
            of_class = [line for line in lines if line["label"] == name]
            assert found["images"] == len({line["image"] for line in of_class})
            assert found["f1"] == pytest.approx(f1, abs=1e-12)
            assert found["f1"] == pytest.approx(_f1(lines, name), abs=1e-12)
            total = sum(line["weight"] * line["loss"] for line in of_class)
            mean = total / sum(line["weight"] for line in of_class)
            assert found["loss"] == pytest.approx(mean, abs=1e-12)


def test_differences_and_intervals_are_those_of_plain_loops(table):
    frame = class_frame(table)
    common = [(0, 0), (0, 1), (1, 1), (2, 0)]
    row, baseline = _lines(table, "LDAM", common), _lines(table, "CE", common)
    groups = sorted({line["group"] for line in row})
    draws = group_draws(len(groups))
    for name in ORDER:
        differences = []
        for counts in draws.tolist():
            times = dict(zip(groups, counts, strict=True))
            differences.append(_f1(row, name, times) - _f1(baseline, name, times))
        found = _line(frame, "LDAM", name)
        sample = _f1(row, name) - _f1(baseline, name)
        assert found["f1_difference"] == pytest.approx(sample, abs=1e-12)
        ends = np.percentile(differences, [2.5, 97.5])
        assert [found["low"], found["high"]] == pytest.approx(list(ends), abs=1e-12)
        # Runs that the rows do not share would have changed it.
        others = _f1(_lines(table, "LDAM", UNITS["LDAM"]), name) - _f1(
            _lines(table, "CE", UNITS["CE"]), name
        )
        assert found["f1_difference"] != pytest.approx(others, abs=1e-6)


def test_the_first_row_and_rows_without_common_runs_have_no_difference(table):
    frame = class_frame(table).set_index("row")
    differences = frame[["f1_difference", "low", "high"]]
    assert differences.loc[["CE", "CICL"]].isna().all(axis=None)
    assert differences.loc["LDAM"].notna().all(axis=None)
    assert frame[["f1", "loss"]].notna().all(axis=None)


def test_without_runs_of_the_first_row_there_is_no_difference(add):
    frame = class_frame(build_table("toy", TOY, [add("LDAM", 0, 0), add("CICL", 0, 0)]))
    assert frame["row"].unique().tolist() == ["LDAM", "CICL"]
    assert frame[["f1_difference", "low", "high"]].isna().all(axis=None)
    assert frame["f1"].notna().all()


def test_folds_with_other_test_images_do_not_count_in_the_difference(add):
    shared = [add("CE", 0, 0), add("LDAM", 0, 0)]
    alone = class_frame(build_table("toy", TOY, shared))
    others = [add("CE", 1, 0), add("LDAM", 1, 0, labels=TEST[:-1])]
    both = class_frame(build_table("toy", TOY, shared + others))
    compared = ["f1_difference", "low", "high"]
    pd.testing.assert_frame_equal(both[compared], alone[compared])
    assert not np.allclose(both["f1"], alone["f1"])


@UNSEEN
def test_a_class_without_test_images_has_no_figures(add):
    # LDAM takes some images for it; that is counted against the other classes.
    labels = [c for c in TEST if c != 1]
    runs = [add(row, fold, 0, labels=labels) for row in ("CE", "LDAM") for fold in (0, 1)]
    table = build_table("toy", TOY, runs)
    assert any(line["taken"] == CLASSES[1] for line in _lines(table, "LDAM", [(0, 0), (1, 0)]))
    frame = class_frame(table)
    absent = frame["class"] == CLASSES[1]
    assert (frame.loc[absent, "images"] == 0).all()
    figures = ["f1", "f1_difference", "low", "high", "loss"]
    assert frame.loc[absent, figures].isna().all(axis=None)
    assert frame.loc[~absent & (frame["row"] == "LDAM"), figures].notna().all(axis=None)


@UNSEEN
def test_a_class_that_the_common_runs_lack_has_no_difference(add):
    few = [c for c in TEST if c != 1]
    runs = [add("CE", 0, 0, labels=few), add("LDAM", 0, 0, labels=few), add("LDAM", 1, 0)]
    found = _line(class_frame(build_table("toy", TOY, runs)), "LDAM", CLASSES[1])
    assert (found["images"], np.isnan(found["f1"])) == (3, False)
    assert found[["f1_difference", "low", "high"]].isna().all()


def test_runs_that_number_the_classes_otherwise_count_alike(add):
    def frame(turned: tuple[str, ...]) -> pd.DataFrame:
        runs = [add("CE", 0, 0), add("CE", 1, 0, classes=turned), add("LDAM", 0, 0, classes=turned)]
        return class_frame(build_table("toy", TOY, [*runs, add("LDAM", 1, 0)]))

    pd.testing.assert_frame_equal(frame(CLASSES), frame(CLASSES[::-1]))


def test_data_sets_stand_one_below_the_other(add):
    runs = [add("CE", 0, 0), add("LDAM", 0, 0), add("LDAM", 0, 0, dataset="aptos")]
    frame = class_frame(build_table("toy", TOY, runs))
    pairs = frame[["dataset", "row"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["aptos", "LDAM"], ["toy", "CE"], ["toy", "LDAM"]]
    assert frame.loc[frame["dataset"] == "aptos", "f1_difference"].isna().all()


def test_without_runs_there_is_no_line_and_no_table(table):
    frame = class_frame(replace(table, runs={}))
    assert (tuple(frame.columns), len(frame)) == (COLUMNS, 0)
    assert class_tables(frame) == []


@pytest.fixture
def lines() -> pd.DataFrame:
    """By hand: CE, LDAM and CICL on two classes of one data set, LDAM on three of another."""
    nan = math.nan
    rows = [
        ("isic2018", "CE", "NV", 300, 0.9004, nan, nan, nan, 0.2),
        ("isic2018", "CE", "<b>DF", 12, 0.25, nan, nan, nan, 2.0),
        ("isic2018", "LDAM", "NV", 300, 0.8996, -0.0008, -0.02, 0.015, 0.3),
        ("isic2018", "LDAM", "<b>DF", 12, 0.5, 0.25, 0.1, 0.4, 1.0),
        ("isic2018", "CICL", "NV", 200, 0.95, -0.0001, -0.1, -0.0, 0.3),
        ("isic2018", "CICL", "<b>DF", 0, nan, nan, nan, nan, nan),
        ("toy", "LDAM", "common", 9, 0.5, nan, nan, nan, 0.5),
        ("toy", "LDAM", "NV", 8, 0.25, nan, nan, nan, 0.5),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shown(lines: pd.DataFrame) -> PageTable:
    return class_tables(lines)[0]


def test_the_page_has_a_table_for_each_data_set_and_a_line_for_each_row(lines):
    tables = class_tables(lines)
    assert [table.id for table in tables] == ["classes-1", "classes-2"]
    assert [table.title.partition(", ")[2] for table in tables] == ["ISIC2018", "toy"]
    columns = [[(column.name, column.numeric) for column in table.columns] for table in tables]
    row = ("Row", False)
    assert columns == [
        [row, ("NV", True), ("<b>DF", True)],
        [row, ("common", True), ("NV", True)],
    ]
    assert [[[cell.text for cell in row] for row in table.rows] for table in tables] == [
        [["CE", "0.900", "0.250"], ["LDAM", "0.900", "0.500"], ["CICL", "0.950", "-"]],
        [["LDAM", "0.500", "0.250"]],
    ]
    cells = [row[1:] for row in tables[0].rows]
    assert [[cell.sort_value for cell in row] for row in cells] == [
        [0.9004, 0.25],
        [0.8996, 0.5],
        [0.95, None],
    ]
    assert [[cell.muted for cell in row] for row in cells] == [
        [False, False],
        [False, False],
        [False, True],
    ]


def test_below_an_f1_stand_its_difference_and_what_it_lacks(lines):
    notes = [[cell.note for cell in row[1:]] for row in _shown(lines).rows]
    assert notes == [
        ["", ""],
        ["-0.001\n-0.020 to +0.015", "+0.250\n+0.100 to +0.400"],
        ["200 of 300 images\n+0.000\n-0.100 to +0.000", ""],
    ]


def test_the_footnote_says_how_to_read_it(lines):
    footnote = _shown(lines).footnote
    assert "to CE" in footnote
    assert "10,000 bootstrap resamples of whole groups" in footnote
    assert "Test images: NV 300, <b>DF 12." in footnote
    alone = _shown(lines[lines["row"] == "CE"]).footnote
    assert "bootstrap" not in alone


def test_odd_names_are_text_on_the_page(table):
    (shown,) = class_tables(class_frame(table))
    assert [column.name for column in shown.columns[1:]] == ORDER
    html = render(Page(title="Toy", tables=[shown]))
    assert "<b>" not in html
    assert "&lt;b&gt;less" in html
