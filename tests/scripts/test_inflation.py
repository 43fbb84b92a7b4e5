"""scripts/inflation.py on runs whose copies and epochs are known."""

import runpy
from pathlib import Path

import pytest

from aduni.results.finished_runs import read_run
from hand_made import make_run

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "inflation.py"
LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]


@pytest.fixture(scope="module")
def inflation():
    return runpy.run_path(str(SCRIPT))["inflation"]


def test_without_a_copy(inflation, tmp_path):
    run = read_run(make_run(tmp_path / "a", labels=LABELS, predicted=PREDICTED))
    # F1 of the classes: 2/3, 1/2, 1. Chosen on the test part, whose last epoch has 0.5.
    expected = (6, 0, None, 4 / 6, 13 / 18, 13 / 18, 0.5)
    assert inflation(run) == pytest.approx(expected)


def test_with_copies_and_a_validation_part(inflation, tmp_path):
    # The training images have the groups 100,000 and on.
    groups = [100_000, 1, 100_001, 2, 3, 100_020]
    made = make_run(tmp_path / "a", labels=LABELS, predicted=PREDICTED, groups=groups)
    run = read_run(made)
    run.metrics["validation"] = run.test
    # Left are labels 0, 1, 1, taken for 0, 1, 0: F1 2/3, 2/3, and 0 of the class that is gone.
    assert inflation(run) == pytest.approx((6, 3, 2 / 3, 2 / 3, 13 / 18, 4 / 9, None))


def test_nothing_but_copies(inflation, tmp_path):
    made = make_run(tmp_path / "a", labels=LABELS, predicted=LABELS, groups=[100_000] * 6)
    assert inflation(read_run(made))[:6] == (6, 6, 1.0, None, 1.0, None)
