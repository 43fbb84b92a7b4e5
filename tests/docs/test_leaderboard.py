"""The tables of the leaderboard are those of the kept runs, its rates those of the tuning."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

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


def test_tables_are_made_from_what_is_kept(script):
    for page in script["PAGES"]:
        text = page.read_text()
        assert script["MARK"].search(text)
        assert script["with_tables"](text) == text


def test_runs_that_were_kept_stay_and_newer_ones_replace_them(script):
    def line(fold, score):
        return {"dataset": "aptos", "row": "CE", "fold": fold, "seed": 0, "macro_f1": score}

    before = pd.DataFrame([line(0, 0.1), line(1, 0.2)])
    lines = script["joined"](before, pd.DataFrame([line(2, 0.3), line(1, 0.4)]))
    assert lines["macro_f1"].tolist() == [0.1, 0.4, 0.3]
    assert script["joined"](None, before)["macro_f1"].tolist() == [0.1, 0.2]


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
    assert highest.startswith("| highest of 3 methods | AdUni 0.620 (")
    assert [row.split(" | ")[0] for row in rows] == ["| AdUni", "| Balanced Softmax", "| CE"]
    assert floor.startswith("| highest floor, without a network | border 0.310 (")
