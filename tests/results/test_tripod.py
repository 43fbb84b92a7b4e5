"""The table of TRIPOD+AI: all items, and places that are really there."""

import re
from pathlib import Path

import pytest

from aduni.results.decision.decision_json import Decision
from aduni.results.model_card.card import card
from aduni.results.model_card.tripod import ITEMS, PLACES, tripod_table
from aduni.results.run_folder import RunFolder

DECISION = Decision(
    split_hash="abc",
    epoch=3,
    weights="def",
    class_names=("common", "less", "rare"),
    screening=None,
    sets=None,
)


def _places(content) -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in tripod_table(content).splitlines()[2:]]
    return {number: place for number, _, place in rows}


def test_all_27_items_are_there_in_their_order():
    numbers = [re.fullmatch(r"(\d+)([a-g]?)", item).groups() for item in ITEMS]
    assert [int(number) for number, _ in numbers] == sorted(int(number) for number, _ in numbers)
    letters: dict[int, str] = {}
    for number, letter in numbers:
        letters[int(number)] = letters.get(int(number), "") + letter
    several = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
    several |= {20: "abc", 23: "ab", 27: "abc"}
    assert letters == {number: several.get(number, "") for number in range(1, 28)}
    assert set(PLACES) <= set(ITEMS)


@pytest.mark.parametrize("decision", [None, DECISION])
def test_every_section_and_file_that_is_named_exists(make_content, decision):
    content = make_content(decision=decision, metadata={"sex": "f"})
    content.metrics["git_commit"] = "abc"
    headings = set(re.findall(r"^#+ (.*)$", card(content), re.MULTILINE))
    folder = RunFolder(Path())
    files = [folder.split, folder.predictions, folder.config, folder.history]
    there = headings | {file.name for file in files}
    named = 0
    for number, place in _places(content).items():
        if place == "author" or place.startswith("No updating"):
            continue
        place = re.sub(r"\(.*?\)|; subgroups.*|^In part: ", "", place)
        for word in re.split("[;,]", place):
            assert word.strip() in there, (number, word)
            named += 1
    assert named > 20


def test_places_depend_on_what_the_run_has(make_content):
    bare, rich = make_content(temperature=None), make_content(decision=DECISION)
    rich.split["camera|x"] = "a"
    rich.metrics["git_commit"] = "abc"
    without, with_all = _places(bare), _places(rich)
    assert "Calibration" not in without["13"]
    assert with_all["13"].endswith("Calibration")
    assert "Decisions" not in without["15"] + without["23a"]
    assert "Decisions (thresholds)" in with_all["15"]
    assert without["20b"] == without["18f"] == "author"
    assert with_all["20b"] == r"In part: split.csv (camera\|x)"
    assert "commit" in with_all["18f"]
    assert "number of groups" in without["20a"]
    rich.settings["protocol"]["split_file"] = "published.csv"
    assert _places(rich)["16"] == "author"


def test_what_a_run_cannot_know_is_the_authors(make_content):
    places = _places(make_content())
    for item in ("1", "5a", "6a", "8a", "10", "11", "14", "17", "18a", "19", "25", "27c"):
        assert places[item] == "author"
