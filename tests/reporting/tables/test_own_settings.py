"""Rows of any runs: one for each setting, named by what differs."""

import re

import pytest

from aduni.reporting.answer import sentences, title
from aduni.reporting.statistics.paired import compare
from aduni.reporting.tables.own_settings import own_table, setting_labels
from aduni.results.finished_runs import Run, read_run
from hand_made import make_run

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]


@pytest.fixture
def add(tmp_path):
    """Makes a run with so many of ten images right."""

    def added(name: str, hits: int = 8, **settings) -> Run:
        predicted = [c if i < hits else (c + 1) % 3 for i, c in enumerate(LABELS)]
        return read_run(make_run(tmp_path / name, labels=LABELS, predicted=predicted, **settings))

    return added


def _labels(*runs: Run) -> list[str]:
    return list(setting_labels(runs).values())


def test_folds_and_seeds_are_of_one_setting(add):
    assert _labels(add("a"), add("b", fold=1), add("c", seed=1)) == ["CE"] * 3


def test_a_method_that_was_run_in_one_way_goes_by_its_name(add):
    runs = [add("a", lr=0.1), add("b", method="ldam", lr=0.2)]
    assert _labels(*runs) == ["CE", "LDAM"]


def test_keys_that_differ_name_the_settings_of_a_method(add):
    runs = [add("a", lr=0.1), add("b", lr=0.2), add("c", method="ldam", lr=0.2)]
    assert _labels(*runs) == ["CE, lr=0.1", "CE, lr=0.2", "LDAM"]


def test_chosen_options_come_before_the_keys_that_they_set(add):
    runs = [add("a"), add("b", sampler="sqrt"), add("c", sampler="sqrt", lr=0.2)]
    assert _labels(*runs) == [
        "CE, sampler=none",
        "CE, sampler=sqrt, lr=0.05",
        "CE, sampler=sqrt, lr=0.2",
    ]


def test_data_sets_share_a_row(add):
    runs = [add("a"), add("b", dataset="other", lr=0.3), add("c", method="ldam")]
    assert _labels(*runs) == ["CE", "CE", "LDAM"]


def test_the_reference_is_the_baseline_with_the_best_validation_part(add):
    runs = [add("a"), add("b", method="ldam"), add("c", method="aduni")]
    for run, score in zip(runs, (0.4, 0.5, 0.9), strict=True):
        run.metrics["validation"] = {**run.metrics["test"], "macro_f1": score}
    assert [row.label for row in own_table(runs, (), None).rows] == ["LDAM", "AdUni", "CE"]
    assert next(row.label for row in own_table(runs, (), "CE").rows) == "CE"


def test_a_reference_that_is_no_row_is_refused(add, refusal):
    refusal(lambda: own_table([add("a")], (), "CEE"), "reference=CEE", "did you mean CE?")


def test_the_answer_compares_adunis_folds_with_the_baselines(add):
    runs = [add(f"c{f}", h, fold=f) for f, h in enumerate((7, 7, 7))]
    runs += [add(f"a{f}", h, fold=f, method="aduni") for f, h in enumerate((10, 10, 10))]
    table = own_table(runs, (), None)
    assert title(table, "mine") == "CE and AdUni on toy (93 images, 3 classes)"
    (sentence,) = sentences(table, compare(table))
    assert sentence.startswith("toy: AdUni 1.00 macro F1, CE 0.")
    assert sentence.endswith("over 3 folds: AdUni is ahead.")


def test_a_title_enumerates_up_to_three_rows(add):
    runs = [add("a"), add("b", method="aduni"), add("c", method="ldam")]
    table = own_table(runs, (), "CE")
    assert title(table, "mine").startswith("CE, AdUni and LDAM on toy (")
    assert title(own_table(runs[:1], (), None), "mine").startswith("CE on toy (")


@pytest.mark.parametrize("swapped", [False, True])
def test_the_better_row_comes_first_whichever_is_the_reference(add, swapped):
    hits = {"ce": (7, 8, 7), "aduni": (10, 10, 9)}
    if swapped:
        hits = dict(zip(hits, reversed(hits.values()), strict=True))
    runs = [add(f"{m}{f}", h, fold=f, method=m) for m in hits for f, h in enumerate(hits[m])]
    table = own_table(runs, (), "CE")
    comparisons = compare(table)
    (sentence,) = sentences(table, comparisons)
    (found,) = (each for each in comparisons if each.metric == "macro_f1" and each.row == "AdUni")
    assert (found.difference < 0) == swapped
    first, second = ("CE", "AdUni") if swapped else ("AdUni", "CE")
    low, high = sorted(abs(end) for end in found.over_folds)
    assert re.match(rf"toy: {first} 0\.9\d macro F1, {second} 0\.[56]\d; difference ", sentence)
    assert f"difference {abs(found.difference):.2f} ({low:.2f} to {high:.2f}) over 3" in sentence
    assert f": {first} is ahead" in sentence


def test_an_interval_on_both_sides_of_zero_has_its_sign(add):
    hits = {"ce": (5, 9, 8), "aduni": (9, 6, 8)}
    runs = [add(f"{m}{f}", h, fold=f, method=m) for m in hits for f, h in enumerate(hits[m])]
    table = own_table(runs, (), "CE")
    (sentence,) = sentences(table, compare(table))
    assert re.search(r"; difference 0\.\d\d \(-1\.\d\d to 1\.\d\d\) over 3 folds: not ", sentence)


def test_two_folds_are_no_verdict(add):
    runs = [
        add(f"{m}{f}", h, fold=f, method=m) for f in (0, 1) for m, h in (("ce", 5), ("ldam", 9))
    ]
    table = own_table(runs, (), "CE")
    (sentence,) = sentences(table, compare(table))
    assert "over 2 folds: no verdict with fewer than 3 folds." in sentence


def test_class_weights_name_a_row_before_their_keys(add):
    inverse = {"weights": {"_target_": "aduni.losses.inverse_weights"}, "deferred": 0.0}
    runs = [add("a"), add("b"), add("c")]  # the first from before there was the group
    runs[1].config["names"]["class_weights"] = "none"
    runs[2].config["names"]["class_weights"] = "inverse"
    for node in (runs[2].config, runs[2].config["method"]):
        node["class_weights"] = inverse

    assert _labels(*runs[:2]) == ["CE", "CE"]
    assert _labels(*runs) == [*["CE, class_weights=none"] * 2, "CE, class_weights=inverse"]


def test_an_earlier_ldam_is_in_the_row_of_todays(add):
    former = {"reweight": "deferred", "defer_until": 0.8, "beta": 0.9999}
    runs = [add("a", method="ldam", method_settings=former), add("b", method="ldam")]
    node = {
        "_target_": "aduni.methods.ClassWeights",
        "weights": {
            "_target_": "aduni.losses.effective_number_weights",
            **{"_partial_": True, "beta": 0.9999},
        },
        **{"deferred": 0.8, "divide_by": "weights"},
    }
    runs[1].config["names"]["class_weights"] = "effective"
    for place in (runs[1].config, runs[1].config["method"]):
        place["class_weights"] = node

    assert _labels(*runs) == ["LDAM", "LDAM"]
