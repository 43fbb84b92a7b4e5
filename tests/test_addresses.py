"""Stored names of parts lead to where the parts are."""

from importlib import import_module
from pathlib import Path

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from aduni.config.untrusted import read_stored
from aduni.results import addresses
from aduni.results.addresses import ADDRESSES, lasting_name, present_place, renamed
from composing import CONF, settings_of


def _targets(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["_target_"]} if "_target_" in node else set()
        return own.union(*map(_targets, node.values()))
    return set().union(*map(_targets, node)) if isinstance(node, list) else set()


def _of_file(file: Path) -> set[str]:
    return _targets(OmegaConf.to_container(OmegaConf.load(file)))


def test_every_part_that_a_configuration_names_has_a_lasting_name():
    """A class that is not in the table renames the runs that it was stored in once it moves."""
    named = set().union(*map(_of_file, CONF.rglob("*.yaml")))
    own = {target for target in named if target.startswith("aduni.")}
    known = {place for places in ADDRESSES.values() for place in places}
    assert own <= known | set(ADDRESSES)


@pytest.mark.parametrize("name", ADDRESSES)
def test_every_part_is_where_the_table_says(name):
    package, _, own = name.rpartition(".")
    found = get_object(present_place(name))
    assert found.__name__ == own
    assert package.count(".") == 1
    for place in (name, *ADDRESSES[name]):
        assert lasting_name(place) == name
        assert get_object(present_place(place)) is found


def test_a_name_outside_of_the_table_is_its_own():
    for name in ("albumentations.Affine", "own.Method", "aduni.methods.aduni.Other"):
        assert lasting_name(name) == present_place(name) == name


def test_targets_are_renamed_at_any_depth():
    content = {"_target_": "a", "b": [{"_target_": "a"}, ("a", {"c": {"_target_": "a"}})], "d": "a"}
    upper = {"_target_": "A", "b": [{"_target_": "A"}, ["a", {"c": {"_target_": "A"}}]], "d": "a"}
    assert renamed(content, str.upper) == upper
    assert renamed({"_target_": ["a"]}, str.upper) == {"_target_": ["a"]}


@pytest.mark.parametrize("stored", ["aduni.methods.AdUni", "aduni.methods.before.AdUni"])
def test_a_stored_name_builds_the_part_where_it_is_now(stored, monkeypatch, tmp_path):
    places = (*ADDRESSES["aduni.methods.AdUni"], "aduni.methods.before.AdUni")
    monkeypatch.setitem(addresses.ADDRESSES, "aduni.methods.AdUni", places)
    settings = settings_of("method=aduni")
    content = settings.model_dump()
    content["method"]["_target_"] = stored
    content["sampler"]["_target_"] = "aduni.data.Upsample"

    read = read_stored(content, tmp_path, [])

    assert read == settings
    assert get_object(read.method["_target_"]) is import_module("aduni.methods.aduni").AdUni
    assert content["method"]["_target_"] == stored  # a file's content is left as it is


def test_a_lasting_name_opens_no_door(tmp_path, refusal):
    content = settings_of().model_dump()
    content["method"]["_target_"] = "aduni.methods.system"
    refusal(lambda: read_stored(content, tmp_path, []), "names aduni.methods.system")
