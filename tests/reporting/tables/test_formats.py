"""A table in print."""

import re
import shutil
import subprocess
from io import StringIO

import pandas as pd
import pytest

from aduni.metrics.names import METRICS
from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.formats import (
    csv_frame,
    footnote,
    latex,
    markdown,
    note_text,
    plain_text,
    value_text,
)
from aduni.reporting.tables.table import Cell
from aduni.results.finished_runs import read_run
from aduni.results.plan import Plan, PlannedRun
from hand_made import make_run

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
PAPER = {"isic2018": {"accuracy": (0.75, 0.002)}}
TOY = Definition(
    title="Table 3: toy & co",
    rows=(
        Row(name="CE_1", overrides=("method=ce",), paper=PAPER),
        Row(name="LDAM", overrides=("method=ldam",)),
        Row(name="100 % {x}", overrides=("method=cicl",), paper=PAPER),
    ),
)
PLAN = Plan(
    profile="p",
    folds=(0, 1, 2),
    runs=tuple(
        PlannedRun(
            id=f"{number}_{fold}",
            folder=f"run{number}_fold{fold}",
            dataset="isic2018",
            fold=fold,
            seed=0,
            rows=(("toy", row.name),),
            overrides=(),
        )
        for number, row in enumerate(TOY.rows)
        for fold in (0, 1, 2)
    ),
)


@pytest.fixture
def add(tmp_path):
    def added(name, hits=6, **settings):
        predicted = [c if i < hits else (c + 1) % 3 for i, c in enumerate(LABELS)]
        settings = {"dataset": "isic2018", **settings}
        return read_run(make_run(tmp_path / name, labels=LABELS, predicted=predicted, **settings))

    return added


@pytest.fixture
def table(add):
    """CE 0.7 on three folds, LDAM 0.4, the third row failed in all."""
    runs = [add(f"a{fold}", hits, fold=fold) for fold, hits in enumerate((6, 7, 8))]
    runs += [add(f"b{f}", hits, method="ldam", fold=f) for f, hits in enumerate((3, 4, 5))]
    states = {f"2_{fold}": ("failed", "no | space\nleft_on $HOME") for fold in (0, 1, 2)}
    return build_table("toy", TOY, runs, plan=PLAN, states=states)


def _cell(**changes) -> Cell:
    values = {
        "dataset": "toy",
        "metric": METRICS["accuracy"],
        "mean": 0.87640,
        "deviation": 0.00449,
        "values": dict.fromkeys(range(5), 0.8764),
        "planned_folds": 5,
        "lacking": "",
        "paper": (0.878, 0.00436),
        "state": "",
    }
    return Cell(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "value", "note"),
    [
        ({}, "0.876 ± 0.004", "paper 0.878, -0.002"),
        ({"paper": None}, "0.876 ± 0.004", ""),
        ({"mean": 0.8777}, "0.878 ± 0.004", "paper 0.878, +0.000"),  # never -0.000
        ({"mean": 0.8801}, "0.880 ± 0.004", "paper 0.878, +0.002"),
        (
            {"deviation": None, "lacking": "1 of 5 folds"},
            "0.876",
            "1 of 5 folds; paper 0.878, -0.002",
        ),
        ({"mean": None, "state": "running", "lacking": "0 of 5 folds"}, "running", "paper 0.878"),
    ],
)
def test_what_a_cell_says(changes, value, note):
    cell = _cell(**changes)
    assert (value_text(cell), note_text(cell)) == (value, note)


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (7200.0, 360.0, "2.0 ± 0.1 h"),
        (3600.0, None, "1.0 h"),
        (3599.0, 30.0, "60.0 ± 0.5 min"),
        (90.0, None, "1.5 min"),
    ],
)
def test_time_is_in_hours_or_minutes(mean, deviation, text):
    metric = METRICS["train_seconds"]
    assert value_text(_cell(metric=metric, mean=mean, deviation=deviation)) == text


def test_markdown(table):
    lines = markdown(table).splitlines()
    assert lines[0] == "**Table 3: toy & co**"
    assert lines[2] == "| Row | ISIC2018 Accuracy | ISIC2018 Macro F1 |"
    assert lines[3] == "| --- | ---: | ---: |"
    assert lines[4].startswith("| CE_1 | **0.700 ± 0.100** (paper 0.750, -0.050) | ")
    assert lines[5].startswith("| LDAM | 0.400 ± 0.100 | ")
    failed = r"failed: no \| space left_on $HOME"
    assert lines[6] == f"| 100 % {{x}} | {failed} (paper 0.750) | {failed} |"
    assert lines[8] == footnote(table)
    assert len(lines) == 9  # nothing to warn of


def test_plain_text_is_aligned_and_marks_the_best(table):
    header, first, second, *_ = plain_text(table).splitlines()
    assert header.split() == ["ISIC2018", "Accuracy", "ISIC2018", "Macro", "F1"]
    end = first.index("0.700 ± 0.100*") + len("0.700 ± 0.100*")
    assert second.index("0.400 ± 0.100") + len("0.400 ± 0.100 ") == end
    assert header.index(" Accuracy") + len(" Accuracy") == end


def test_both_warn(add):
    runs = [add("a"), add("b", method="ldam", epochs=7)]
    table = build_table("toy", TOY, runs)
    warning = "Warning: ISIC2018: different epochs, 2 (CE_1) and 7 (LDAM)."
    assert markdown(table).endswith(f"\n- {warning}\n")
    assert latex(table).startswith(f"% {warning}\n\\begin{{table}}")


def test_the_footnote_says_how_to_read_it(table):
    assert "sample standard deviation (n - 1)" in footnote(table)
    assert "planned: ISIC2018 3)" in footnote(table)


FOLDS = " Beside it: how many folds or runs there are, where some lack"
PRINTED = "the paper's mean and the difference to it."


@pytest.mark.parametrize(
    ("shown", "plan", "end"),
    [
        (PAPER, PLAN, f"{FOLDS}; {PRINTED}"),
        (PAPER, None, f"3 folds. Beside it: {PRINTED}"),
        ({}, PLAN, f"3 folds.{FOLDS}."),
        ({}, None, "3 folds."),
    ],
)
def test_the_footnote_says_what_is_beside_the_values(add, shown, plan, end):
    rows = tuple(row.model_copy(update={"paper": shown}) for row in TOY.rows)
    table = build_table("toy", Definition(title="Toy", rows=rows), [add("a")], plan=plan)
    assert footnote(table).endswith(end)


def test_rows_without_runs_lack_no_folds(add):
    rows = tuple(row.model_copy(update={"paper": {}}) for row in TOY.rows)
    table = build_table("toy", Definition(title="Toy", rows=rows), [], plan=PLAN)
    assert "Beside" not in footnote(table)


def test_blocks_have_a_column_of_their_own(add):
    rows = tuple(r.model_copy(update={"block": "one"}) for r in TOY.rows)
    table = build_table("toy", Definition(title="Toy", rows=rows), [add("a")])
    lines = markdown(table).splitlines()
    assert lines[2].startswith("| Block | Row | ISIC2018 Accuracy |")
    assert lines[4].startswith("| one | CE_1 | 0.600 ")
    assert r"\multicolumn{3}{l}{one} \\" in latex(table)


def test_latex(table):
    text = latex(table)
    assert r"\textbf{0.700 $\pm$ 0.100}" in text
    assert r"\multicolumn{2}{c}{ISIC2018} \\" in text
    assert r"\cmidrule(lr){2-3}" in text
    assert r"\label{tab:toy}" in text
    assert r"\caption{Toy \& co}" in text  # LaTeX numbers it
    assert r"CE\_1 & " in text
    assert r"100 \% \{x\} & failed: no \textbar{} space left\_on \$HOME & " in text
    assert r"paper 0.750, $-$0.050" in text
    assert len(re.findall(r"\\(begin|end)\{(?:table|tabular)\}", text)) == 4
    rows = [
        line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
    ]
    assert len(rows) == 1 + 3 + 2  # titles, rows, notes below two of them
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {2}
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_compiles(table, tmp_path):
    text = latex(table)
    page = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{text}\end{{document}}"
    )
    (tmp_path / "page.tex").write_text(page)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)


def test_csv_is_tidy(table):
    read = pd.read_csv(StringIO(csv_frame([table, table]).to_csv(index=False)))
    assert read.columns.tolist() == [
        "table",
        "dataset",
        "block",
        "row",
        "figure",
        "mean",
        "deviation",
        "folds",
        "planned_folds",
        "best",
        "paper_mean",
        "paper_deviation",
        "difference",
        "state",
    ]
    assert len(read) == 2 * 3 * 2
    first = read.iloc[0]
    assert (first["table"], first["dataset"], first["row"]) == ("toy", "isic2018", "CE_1")
    assert first["mean"] == pytest.approx(0.7)
    assert first["difference"] == pytest.approx(-0.05)
    assert bool(first["best"])
    assert (first["folds"], first["planned_folds"]) == (3, 3)
    last = read.iloc[4]
    assert pd.isna(last["mean"])
    assert last["state"].startswith("failed: no | space")


def test_csv_says_what_lacks(add):
    cell = csv_frame([build_table("toy", TOY, [add("a")], plan=PLAN)]).iloc[0]
    assert (cell["mean"], cell["state"]) == (pytest.approx(0.6), "1 of 3 folds")
