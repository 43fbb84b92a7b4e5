"""Bands of numbers and their order."""

import pandas as pd

from aduni.reporting.clinical.image_subgroups import in_order, subgroup_values


def bands(ages: list[object], *limits: float) -> pd.Series:
    return subgroup_values(pd.DataFrame({"age": ages}), "age", {"age": limits} if limits else {})


def test_a_band_holds_its_lower_limit_and_not_its_upper_one():
    found = bands([*range(4, 21), ""])  # quartiles 8, 12, 16
    assert in_order(found) == [
        *("4 to under 8", "8 to under 12", "12 to under 16", "from 16", "(missing)")
    ]
    assert found.iloc[3:5].tolist() == ["4 to under 8", "8 to under 12"]
    assert found.iloc[[0, 12, 16, 17]].tolist() == [
        *("4 to under 8", "from 16", "from 16", "(missing)")
    ]


def test_equal_quartiles_make_fewer_bands():
    assert in_order(bands([0] * 20 + list(range(1, 12)))) == ["0 to under 3.5", "from 3.5"]
    assert in_order(bands([0] * 90 + list(range(1, 12)))) == ["from 0"]


def test_limits_may_be_given():
    found = bands([39, 40, 59.5, 60, ""], 40, 60)
    assert found.tolist() == [
        "under 40",
        "40 to under 60",
        "40 to under 60",
        "from 60",
        "(missing)",
    ]


def test_bands_are_in_order_also_in_combinations():
    found = bands([39, 40, 60, ""], 40, 60)
    assert in_order(found) == ["under 40", "40 to under 60", "from 60", "(missing)"]
    both = found.map(lambda band: f"f, {band}")
    assert in_order(both) == [f"f, {band}" for band in in_order(found)]


def test_the_usual_words_for_an_unknown_number_are_none():
    assert bands([39, "NA", "unknown"], 40).tolist() == ["under 40", "(missing)", "(missing)"]
    many = bands([*range(20), "n/a"])
    assert many.iloc[-1] == "(missing)"
    assert many.nunique() == 5


def test_a_text_has_no_band(refusal):
    refusal(lambda: bands([1, "old"], 40), "subgroup_bands.age", "'old'")


def test_numbers_in_names_are_ordered_by_size():
    values = pd.Series(["f, 10 to under 20", "f, 5 to under 10", "m, from 20", "f", "(missing)"])
    assert in_order(values) == [values[3], values[1], values[0], values[2], values[4]]


def test_large_numbers_are_written_in_full():
    dates = bands(list(range(20180101, 20180201)), 20180111)
    assert in_order(dates) == ["under 20180111", "from 20180111"]
    assert in_order(bands([0.125, 7], 0.5)) == ["under 0.5", "from 0.5"]


def test_the_usual_words_for_missing_are_no_subgroup():
    frame = pd.DataFrame({"sex": ["f", "unknown", "NA", "-", "m", ""]})
    assert subgroup_values(frame, "sex", {}).tolist() == [
        *("f", "(missing)", "(missing)", "(missing)", "m", "(missing)")
    ]
