"""The study's statistics against hand numbers and slow loops."""

import re
import runpy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

ROOT = Path(__file__).resolve().parents[2]
SPLIT = pd.DataFrame(
    {
        "image": [f"{i}" for i in range(10)],
        "label": ["a"] * 10,
        "part": ["train"] * 6 + ["validation"] * 2 + ["test"] * 2,
    }
)


@pytest.fixture(scope="module")
def script():
    return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / "study.py")))


def units(scores, validation=0.5, is_floor=False):
    """Runs of a row from an array of folds times seeds of macro F1."""
    return {
        (fold, seed): SimpleNamespace(
            fold=fold,
            seed=seed,
            is_floor=is_floor,
            split=SPLIT,
            test=dict.fromkeys(("accuracy", "balanced_accuracy", "macro_auroc"), 0.25)
            | {"macro_f1": score},
            metrics={"validation": {"macro_f1": validation}},
        )
        for fold, of_fold in enumerate(np.atleast_2d(scores))
        for seed, score in enumerate(of_fold)
    }


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    ours, base, other = 0.6 + rng.normal(0, 0.01, (3, 5, 2))
    return {
        "AdUni": units(ours + 0.05),
        "CE": units(base),
        "CE, post-hoc adjustment": units(ours + 0.05 + 0.1 * (base - 0.6)),
        "Balanced Softmax": units(other),
        "thumbnail": units(np.full((5, 1), 0.4), validation=0.4, is_floor=True),
        "LDAM": units(base[:, :1] - 0.2),
    }


def by_hand(ps):
    """Holm's procedure as steps: reject from the smallest p until one fails."""

    def rejected(level):
        found = set()
        for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
            if ps[i] > level / (len(ps) - rank):
                break
            found.add(i)
        return found

    levels = np.linspace(0, 1, 2001)
    return [min((x for x in levels if i in rejected(x)), default=1.0) for i in range(len(ps))]


def test_holm_is_the_smallest_level_that_rejects(script):
    assert script.holm([0.01, 0.04, 0.03, 0.005], 4) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    rng = np.random.default_rng(1)
    for _ in range(20):
        ps = rng.uniform(0, 0.3, 6).tolist()
        assert script.holm(ps, 6) == pytest.approx(by_hand(ps), abs=1e-3)
    assert script.holm([0.01], 6) == [0.06]  # five have not been run
    assert script.holm([], 6) == []


def test_a_difference_is_paired_over_folds_of_the_mean_over_seeds(script, rows):
    found = script.difference(rows, "aptos", "AdUni", "CE")
    ours, base = (
        [np.mean([rows[row][fold, seed].test["macro_f1"] for seed in (0, 1)]) for fold in range(5)]
        for row in ("AdUni", "CE")
    )
    assert found.folds == pytest.approx(np.subtract(ours, base))
    expected = ttest_rel(ours, base)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(expected.confidence_interval())
    low, high = found.corrected
    assert found.share == 2 / 8
    widened = np.sqrt((1 / 5 + 0.25) / (1 / 5))
    assert high - low == pytest.approx(widened * np.ptp(found.interval))


def test_only_seeds_that_both_have_count(script, rows):
    found = script.difference(rows, "aptos", "AdUni", "LDAM")
    expected = [
        rows["AdUni"][fold, 0].test["macro_f1"] - rows["LDAM"][fold, 0].test["macro_f1"]
        for fold in range(5)
    ]
    assert found.folds == pytest.approx(expected)


def test_a_row_that_lacks_a_run_has_no_figures(script, rows):
    del rows["AdUni"][4, 1]
    _, _, *lines = script.primary_of({"aptos": rows, "isic2018": {}})
    left = [int(re.search(r"unfinished: (\d+) of 10 runs", line)[1]) for line in lines]
    assert left == [9, 9, 9, 0, 0, 0]
    assert not any("0.0" in line for line in lines)


def test_verdicts_of_primary_differences(script, rows):
    _, _, *lines = script.primary_of({"aptos": rows, "isic2018": {}})
    verdicts = [line.split(" | ")[-1].strip("| ") for line in lines]
    assert verdicts[:3] == ["ahead", "equivalent", "ahead"]
    # With a p of 0.02 in one of six tests, the interval alone would say ahead.
    values = (0.01, 0.05, 0.02, 0.09, 0.1)
    one = script.Difference("aptos", "AdUni", "CE", values, 10, 0.25)
    assert one.interval[0] > 0
    assert script.decided(one, one.p) == "ahead"
    assert script.decided(one, min(1, 6 * one.p)) == "not resolved"


def test_no_comparison_where_ce_is_below_a_floor(script, rows):
    assert script.passes_gate(rows)
    rows["thumbnail"] = units([[0.9]], validation=0.9, is_floor=True)
    assert not script.passes_gate(rows)
    _, _, *lines = script.primary_of({"aptos": rows, "isic2018": {}})
    assert all(line.endswith("| no comparison: CE is not above the floors |") for line in lines[:3])
    assert not script.passes_gate({"CE": rows["CE"]})  # no floor has run
    floor = units([[0.3], [0.9]], validation=0.3, is_floor=True)
    floor[1, 0].metrics["validation"]["macro_f1"] = 0.9
    first = {unit: run for unit, run in rows["CE"].items() if unit[0] == 0}
    assert script.passes_gate({"CE": first, "border": floor})  # by the fold that both have
    assert not script.passes_gate({"CE": rows["CE"], "border": floor})


def test_the_figure_waits_for_all_runs_of_a_data_set(script, rows, tmp_path, monkeypatch):
    drawn = []
    figures = script.draw.__globals__
    original = figures["draw_differences"]
    monkeypatch.setitem(
        figures,
        "draw_differences",
        lambda found, title: drawn.append(found) or original(found, title),
    )
    script.draw({"aptos": {}, "isic2018": {}}, tmp_path)
    assert not any(tmp_path.iterdir())
    script.draw({"aptos": rows, "isic2018": {}}, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["primary.svg"]
    labels = ["CE", "CE, post-hoc adjustment", "Balanced Softmax"]
    assert list(drawn[0]) == [f"APTOS2019, {label}" for label in labels]
    means = {
        name: np.mean([run.test["macro_f1"] for run in rows[name].values()])
        for name in ("AdUni", "CE")
    }
    assert np.mean(drawn[0]["APTOS2019, CE"]) == pytest.approx(means["AdUni"] - means["CE"])


def test_scores_are_sorted_means_over_folds(script, rows):
    header, _, *lines = script.scores_of(rows, "aptos")
    assert header.startswith("| APTOS2019 | folds, seeds | Macro F1 |")
    scores = [float(line.split(" | ")[2]) for line in lines]
    assert all(a >= b for a, b in pairwise(scores))
    ldam = np.mean([run.test["macro_f1"] for run in rows["LDAM"].values()])
    assert lines[-1] == f"| LDAM | 5, 1 | {ldam:.3f} | 0.250 | 0.250 | 0.250 |"


def test_secondary_differences_are_of_all_other_finished_rows(script, rows):
    rows["PaCo"] = {unit: run for unit, run in rows["LDAM"].items() if unit[0] < 4}
    rows["BALMS"] = {}
    rows["CICL"] = units([[0.5]]) | {}
    _, _, *lines = script.secondary_of(rows, "aptos")
    assert [line.split(" | ")[0] for line in lines] == ["| LDAM"]
    found = script.difference(rows, "aptos", "AdUni", "LDAM")
    low, high = found.interval
    assert lines[0].endswith(f"| {np.mean(found.folds):+.3f} | {low:+.3f} to {high:+.3f} |")
    rows["thumbnail"] = units(np.full((5, 1), 0.9), validation=0.9, is_floor=True)
    assert len(list(script.secondary_of(rows, "aptos"))) == 2  # CE is below a floor


def test_tables_stand_behind_their_marks(script, rows):
    page = "a\n\n<!-- scores: aptos -->\nformer line\n\nb\n\n<!-- primary -->\n\nc\n"
    made = script.with_tables(page, {"aptos": rows, "isic2018": {}})
    assert "former" not in made
    assert made.count("| APTOS2019 |") == 4  # a header and three lines
    assert made.endswith("\n\nc\n")
    assert script.with_tables(made, {"aptos": rows, "isic2018": {}}) == made
