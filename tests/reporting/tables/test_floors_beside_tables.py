"""Floors beside a table, and who lies below them, on hand-made runs with known figures."""

from pathlib import Path

import pytest

from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.comparability import warnings_about
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.floors import with_floors
from aduni.results.finished_runs import Run, read_run
from hand_made import make_run

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
TOY = Definition(
    title="Toy",
    rows=tuple(Row(name=n, overrides=(f"method={n.lower()}",)) for n in ("CE", "LDAM")),
)
FLOORS = Definition(
    title="Floors",
    rows=tuple(Row(name=n, overrides=(f"method={n}",)) for n in ("dummy", "border", "file")),
)


@pytest.fixture
def add(tmp_path: Path):
    """Adds a run with so many of ten images right: all of a class before the next."""

    def added(name: str, method: str, hits: int, **settings) -> Run:
        predicted = [c if i < hits else (c + 1) % 3 for i, c in enumerate(LABELS)]
        if method in ("dummy", "border", "file"):
            settings |= {"method_settings": {"_target_": "aduni.methods.Floor"}, "epochs": 400}
        return read_run(
            make_run(tmp_path / name, labels=LABELS, predicted=predicted, method=method, **settings)
        )

    return added


def _f1(hits: int) -> float:
    """Macro F1 by hand: hits are TP; each miss is FN of its class and FP of the next."""
    true = [LABELS[:hits].count(c) for c in range(3)]
    missed = [LABELS[hits:].count(c) for c in range(3)]
    return sum(2 * true[c] / (2 * true[c] + missed[c] + missed[(c - 1) % 3]) for c in range(3)) / 3


def test_floors_stand_below_the_rows_on_their_folds_whatever_the_seed(add):
    runs = [add("a", "ce", 6, seed=3), add("b", "ldam", 10, seed=3)]
    runs += [add("c", "border", 8), add("d", "border", 9, fold=1), add("e", "dummy", 5, fold=1)]
    table = with_floors(build_table("toy", TOY, runs), FLOORS, runs)

    assert [(row.block, row.label) for row in table.rows] == [
        *(("", "CE"), ("", "LDAM")),
        ("floors", "border"),  # nobody has the dummy's fold, and there is no run of file
    ]
    (cell,) = (cell for cell in table.rows[-1].cells if cell.metric.key == "macro_f1")
    assert cell.mean == pytest.approx(_f1(8))
    assert (cell.lacking, cell.best) == ("", False)


def test_the_first_warning_names_rows_below_the_highest_floor(add):
    runs = [add("a", "ce", 6), add("b", "ldam", 10), add("c", "border", 8), add("d", "dummy", 5)]
    table = with_floors(build_table("toy", TOY, runs[:4]), FLOORS, runs)

    sentence = (
        f"toy: below the macro F1 of the highest floor, border ({_f1(8):.3f}): CE ({_f1(6):.3f})."
    )
    # Epochs, which a floor has no use for, are not compared.
    assert warnings_about([table, table]) == [sentence]


def test_rows_are_compared_on_common_folds(add):
    runs = [add("a", "ce", 8), add("b", "border", 6), add("c", "border", 10, fold=1)]
    both = [*runs, add("d", "ce", 9, fold=1)]
    for given, low in ((runs, False), (both, True)):
        table = with_floors(build_table("toy", TOY, given), FLOORS, given)
        # On fold 0 CE is above; over both folds it is (8, 9) against (6, 10).
        expected = low and _f1(8) + _f1(9) < _f1(6) + _f1(10)
        assert bool(warnings_about([table])) == expected


def test_floors_alone_make_a_table(add):
    runs = [add("a", "dummy", 5), add("b", "border", 8)]
    table = with_floors(build_table("methods", TOY, runs), FLOORS, runs)

    assert [row.label for row in table.rows] == ["dummy", "border"]
    assert table.datasets == ("toy",)
    assert warnings_about([table]) == []
