"""The tables of the leaderboard are those of the kept runs, its rates those of the tuning."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from aduni.metrics.fold_intervals import interval_over_folds
from aduni.system.atomic_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
HEADS = ROOT / "results" / "heads"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "scripts" / "leaderboard.py"))


def test_rates_are_the_best_on_validation_parts():
    tuning = pd.read_csv(HEADS / "tuning.csv")
    means = tuning.groupby(["row", "lr"])["validation_macro_f1"].mean()
    best = dict(means.groupby("row").idxmax().tolist())
    best["CE, post-hoc adjustment"] = best["CE"]  # the same training
    table = read_yaml(ROOT / "conf" / "table" / "heads.yaml")
    chosen = {row["name"]: float(row["overrides"][-1].removeprefix("lr=")) for row in table["rows"]}
    assert chosen == best
    assert set(tuning.groupby(["row", "dataset"])["lr"].nunique()) == {3}


def rates(table):
    """The learning rate of each row of conf/table/NAME.yaml."""
    rows = read_yaml(ROOT / "conf" / "table" / f"{table}.yaml")["rows"]
    return {row["name"]: float(row["overrides"][-1].removeprefix("lr=")) for row in rows}


def test_kept_runs_have_the_rates_of_the_table():
    runs = pd.read_csv(HEADS / "runs.csv").dropna(subset="lr")
    assert dict(zip(runs["row"], runs["lr"], strict=True)) == rates("heads")
    assert runs.groupby("row")["lr"].nunique().eq(1).all()


def test_the_study_is_trained_only_at_the_best_rates_on_validation_parts():
    study = ROOT / "results" / "study"
    tuning = pd.read_csv(study / "tuning.csv")
    scores = tuning.pivot(index=["row", "lr"], columns="dataset", values="validation_macro_f1")
    candidates = scores.dropna().mean(axis=1)  # 0.00025 ran on one data set alone
    own, secondary = rates("study"), rates("study_secondary")
    two_views = {"AdUni", "AdUni w/o AduC", "PaCo", "PaCo + AduC", "CICL"}
    for row, rate in secondary.items():
        assert rate == own["AdUni" if row in two_views else "CE"], row
    if set(candidates.index) != {(row, rate) for row in own for rate in (0.0005, 0.001, 0.002)}:
        methods = {run.name.split("_")[1] for run in (study / "runs").iterdir()}
        assert methods <= {"dummy", "shortcut"}  # floors, which have no rate
        return
    assert own == dict(candidates.groupby("row").idxmax().tolist())


def test_what_was_learned_is_what_the_runs_say(script):
    runs = pd.read_csv(HEADS / "runs.csv")
    floors = script["FLOORS"]
    page = ROOT / "docs" / "leaderboard.md"
    text = page.read_text().split("## What was learned")[1]
    scores = runs.pivot_table(index=["dataset", "fold"], columns="row", values="macro_f1")
    ranks = scores.groupby("dataset").mean().drop(columns=floors).rank(axis=1, ascending=False)
    assert ranks.loc["aptos", ["ECL", "MiSLAS", "GCL", "Balanced Softmax"]].tolist() == [
        *(1, 5, 20),
        2.5,  # Logit adjustment is the same
    ]
    first = {dataset: set(row[row <= 5].index) for dataset, row in ranks.iterrows()}
    assert first["aptos"] & first["isic2018"] == {"ECL", "MiSLAS"}
    ahead = {}
    for dataset, table in scores.groupby("dataset"):
        gaps = table.drop(columns=["CE", *floors]).sub(table["CE"], axis=0).dropna(axis=1)
        for row, gap in gaps.items():
            low, _ = interval_over_folds(gap.tolist(), 0.25)
            if low > 0:
                ahead[dataset, row] = interval_over_folds(gap.tolist(), 0.25)
    assert {row for _, row in ahead} == {"Label over-smoothing", "CE, square-root weights"}
    for low, high in ahead.values():
        assert f"({low:+.3f} to {high:+.3f})" in text


def test_tables_are_made_from_what_is_kept(script):
    for page in script["PAGES"]:
        text = page.read_text()
        assert script["MARK"].search(text)
        assert script["with_tables"](text) == text


def test_runs_that_were_kept_stay_and_newer_ones_replace_them(script):
    def line(fold, score):
        return {"dataset": "aptos", "row": "CE", "fold": fold, "seed": 0, "macro_f1": score}

    before = pd.DataFrame([line(0, 0.1), line(1, 0.2)])
    lines = script["joined"](before, pd.DataFrame([line(2, 0.3), line(1, 0.4)]), ["fold"])
    assert lines["macro_f1"].tolist() == [0.1, 0.4, 0.3]
    assert script["joined"](None, before, ["fold"])["macro_f1"].tolist() == [0.1, 0.2]


def test_a_line_has_mean_interval_and_difference(script):
    rng = np.random.default_rng(0)
    lines = [
        {"dataset": "aptos", "row": row, "fold": fold, "seed": 0}
        | {key: level + rng.normal(0, 0.01) for key in [*script["KEPT"], "validation_macro_f1"]}
        for row, level in {"CE": 0.5, "better": 0.6, "near": 0.599}.items()
        for fold in range(5)
    ]
    runs = pd.DataFrame(lines)
    header, _, *rows = script["table_of"](runs)
    assert header.startswith("| APTOS2019 | macro F1 | to CE |")
    cells = {row.split(" | ")[0].strip("| "): row.split(" | ") for row in rows}
    assert list(cells)[-1] == "CE"
    better = runs[runs["row"] == "better"]["macro_f1"].to_numpy()
    width = t.ppf(0.975, 4) * better.std(ddof=1) / np.sqrt(5)
    low, high = better.mean() - width, better.mean() + width
    assert (
        f"**{better.mean():.3f}** ({low:.3f}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high:.3f})"
        == cells["better"][1]
    )
    assert cells["near"][1].startswith("**")  # not detectably behind
    assert not cells["CE"][1].startswith("**")
    gap = better - runs[runs["row"] == "CE"]["macro_f1"].to_numpy()
    assert cells["better"][2].startswith(f"{gap.mean():+.3f} (")


def test_a_summary_names_the_highest_row_and_the_highest_floor(script):
    scores = {"CE": 0.5, "AdUni": 0.6, "Balanced Softmax": 0.4, "file": 0.2, "border": 0.3}
    runs = pd.DataFrame(
        [
            {"dataset": dataset, "row": row, "fold": fold, "macro_f1": score + step}
            for dataset, sign in (("aptos", 1), ("isic2018", -1))
            for row, score in scores.items()
            for fold, step in enumerate(np.multiply(sign, [-0.1, 0, 0.1 + score / 10]))
        ]
    )
    header, _, highest, *rows, floor = script["summary_of"](runs)
    assert header == "| macro F1 | APTOS2019 | ISIC2018 |"
    assert highest.startswith("| highest row | AdUni 0.620 (")
    assert highest.endswith("), of 3 |")
    assert [row.split(" | ")[0] for row in rows] == ["| AdUni", "| Balanced Softmax", "| CE"]
    assert floor.startswith("| highest floor (no network) | border 0.310 (")
