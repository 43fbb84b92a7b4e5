"""Verdicts on figures, and the tables that hold them."""

import json

import pytest

from benchmarks.measure import Spread
from benchmarks.part import Section
from benchmarks.results import measured_on, number, shown, table, write_results
from benchmarks.targets import TARGETS, Target, target_section, verdict

AT_LEAST = Target("speed", "speed", 5, "at least")
AT_MOST = Target("time", "time", 1.5, "at most", gpu=True)


def exactly(value: float) -> Spread:
    return Spread(value, value, value, 3)


@pytest.mark.parametrize(
    ("target", "median", "expected"),
    [
        (AT_LEAST, 5.0, "met"),
        (AT_LEAST, 4.98, "not met"),
        (AT_MOST, 1.5, "met"),
        (AT_MOST, 1.52, "not met"),
    ],
)
def test_the_median_decides(target, median, expected):
    assert verdict(target, exactly(median), has_gpu=False) == expected


def test_no_figure_says_why():
    assert verdict(AT_LEAST, None, has_gpu=False) == "not measured"
    assert verdict(AT_MOST, None, has_gpu=False) == "no GPU here"
    assert verdict(AT_MOST, None, has_gpu=True) == "not measured"


def test_every_target_has_a_row():
    rows = target_section({"start_up": exactly(1.2)}, has_gpu=False).rows
    assert len(rows) == len(TARGETS)
    (measured,) = [row for row in rows if row["measured"] is not None]
    assert "first step" in measured.pop("what")
    assert measured == {"measured": exactly(1.2), "target": "at most 1.3", "verdict": "met"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (12.345, "12.3"), (2.345, "2.35"), (0.98765, "0.988"), (0.0, "0")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_cells():
    assert shown(None) == "-"
    assert shown("ours") == "ours"
    assert shown(128) == "128"
    assert shown(Spread(2.0, 1.5, 3.0, 5)) == "2.00 (1.50 to 3.00)"
    assert shown(Spread(2.0, 2.0, 2.0, 1)) == "2.00"


def test_a_markdown_table():
    rows = [{"what": "a", "ms": 1.5}, {"what": "b", "ms": None}]
    assert table(rows).splitlines() == [
        "| what | ms |",
        "| --- | ---: |",
        "| a | 1.50 |",
        "| b | - |",
    ]


def test_results_are_written_as_json_and_markdown(tmp_path):
    section = Section(
        "Loss", [{"B": 4, "ms": Spread(2.0, 1.0, 3.0, 5)}], ("One thread.",), {"k": exactly(1.0)}
    )
    targets = target_section({}, has_gpu=False)
    origin = measured_on()
    write_results({"loss": section}, targets, origin, tmp_path)
    content = json.loads((tmp_path / "benchmark.json").read_text())
    assert set(content) == {"measured_on", "targets", "parts"}
    assert content["parts"]["loss"] == {
        "title": "Loss",
        "notes": ["One thread."],
        "rows": [{"B": 4, "ms": {"median": 2.0, "low": 1.0, "high": 3.0, "count": 5}}],
        "figures": {"k": {"median": 1.0, "low": 1.0, "high": 1.0, "count": 3}},
    }
    known = set(content["measured_on"])
    assert {"date", "processor", "cores", "load", "hardware", "git_commit", "versions"} <= known
    text = (tmp_path / "benchmark.md").read_text()
    for block in ("## Targets", "## Loss", "| 4 | 2.00 (1.00 to 3.00) |", "One thread."):
        assert block in text
    assert origin["processor"] in text
