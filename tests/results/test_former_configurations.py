"""Package-level names lead to the classes, and stored names to package-level ones."""

import copy
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from aduni.config.untrusted import read_stored
from aduni.results.former_configurations import (
    FORMER,
    NO_CLASS_WEIGHTS,
    package_level_name,
    with_class_weights,
    with_package_level_names,
)
from aduni.results.identity import filled, identity
from composing import CONF, settings_of

PACKAGES = ("aduni.data", "aduni.distributed", "aduni.losses", "aduni.methods", "aduni.models")


def _targets(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["_target_"]} if "_target_" in node else set()
        return own.union(*map(_targets, node.values()))
    return set().union(*map(_targets, node)) if isinstance(node, list) else set()


def _of_file(file: Path) -> set[str]:
    return _targets(OmegaConf.to_container(OmegaConf.load(file)))


def test_configurations_use_package_level_names_alone():
    """A module path would rename the runs that it was stored in once the class moves."""
    named = set().union(*map(_of_file, CONF.rglob("*.yaml")))
    own = {target for target in named if target.startswith("aduni.")}
    assert len(own) > 30
    assert {name for name in own if name.count(".") != 2} == set()
    assert {name for name in own if get_object(name).__name__ != name.rpartition(".")[2]} == set()


def test_every_package_level_name_exists():
    for name in PACKAGES:
        package = import_module(name)
        for own in package.__all__:
            assert get_object(f"{name}.{own}").__name__ == own


def test_no_name_of_a_package_is_that_of_its_modules():
    """Python would put the module in the place of the name once something imports it."""
    for name in ("aduni", *PACKAGES):
        package = import_module(name)
        modules = {module.name for module in iter_modules(package.__path__)}
        assert modules.isdisjoint(package.__all__), name


def test_every_stored_name_is_resolved():
    for stored, name in FORMER.items():
        assert package_level_name(stored) == package_level_name(name) == name
        assert name.count(".") == 2
        assert get_object(name).__name__ == name.rpartition(".")[2]


def test_other_names_stay_what_they_are():
    for name in ("albumentations.Affine", "own.Method", "aduni.methods.aduni.Other"):
        assert package_level_name(name) == name


def test_names_are_resolved_at_any_depth():
    old, new = "aduni.data.warp.FlippedAffine", "aduni.data.FlippedAffine"
    content = {"_target_": old, "b": [{"_target_": old}, ("a", {"c": {"_target_": old}})], "d": old}
    found = {"_target_": new, "b": [{"_target_": new}, ["a", {"c": {"_target_": new}}]], "d": old}
    assert with_package_level_names(content) == found
    assert with_package_level_names({"_target_": ["a"]}) == {"_target_": ["a"]}


@pytest.mark.parametrize("stored", ["aduni.methods.AdUni", "aduni.methods.before.AdUni"])
def test_a_stored_name_builds_the_class_of_today(stored, monkeypatch, tmp_path):
    monkeypatch.setitem(FORMER, "aduni.methods.before.AdUni", "aduni.methods.AdUni")
    settings = settings_of("method=aduni")
    content = settings.model_dump()
    content["method"]["_target_"] = stored
    content["sampler"]["_target_"] = "aduni.data.samplers.Upsample"

    read = read_stored(content, tmp_path, [])

    assert read == settings
    assert get_object(read.method["_target_"]) is import_module("aduni.methods.aduni").AdUni
    assert content["method"]["_target_"] == stored  # a file's content is left as it is


def test_a_package_level_name_opens_no_door(tmp_path, refusal):
    content = settings_of().model_dump()
    content["method"]["_target_"] = "aduni.methods.system"
    refusal(lambda: read_stored(content, tmp_path, []), "names aduni.methods.system")


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parent / "stored_configurations").iterdir())
)
def test_what_the_first_version_stored_is_read(file):
    """Two runs of November 2026: module paths, and SGD's options at the top level."""
    content = OmegaConf.to_container(OmegaConf.load(file))
    assert not {"aduni.methods.PaCo", "aduni.methods.Decouple"} & _targets(content)
    settings = read_stored(content, file, [])

    assert settings.optimizer["momentum"] == 0.9
    assert all(name.count(".") == 2 for name in _targets(settings.method) if "aduni" in name)
    assert identity(content, "split", None) == identity(settings.model_dump(), "split", None)


def _before_class_weights(*overrides: str) -> dict:
    """Settings as a run of today's option stored them before there was the group."""
    content = settings_of(*overrides).model_dump()
    for node in (content, content["names"], content["method"]):
        node.pop("class_weights", None)
    return content


FORMER_WEIGHTS = {
    "LDAM, deferred": (
        {"reweight": "deferred", "defer_until": 0.8, "beta": 0.9999},
        ("method=ldam",),
    ),
    "LDAM, later and with another beta": (
        {"reweight": "deferred", "defer_until": 0.5, "beta": 0.99},
        ("method=ldam", "class_weights.deferred=0.5", "class_weights.weights.beta=0.99"),
    ),
    "LDAM without": (
        {"reweight": "none", "defer_until": 0.8, "beta": 0.9999},
        ("method=ldam", "class_weights=none"),
    ),
    "class-balanced": (
        {
            "loss": {
                "_target_": "aduni.losses.class_balanced",
                **{"_partial_": True, "beta": 0.999},
            }
        },
        (
            *("method=ce", "class_weights=effective", "class_weights.weights.beta=0.999"),
            "class_weights.divide_by=images",
        ),
    ),
}


@pytest.mark.parametrize("case", FORMER_WEIGHTS)
def test_runs_with_weights_of_their_own_are_those_of_the_group(case, tmp_path):
    options, overrides = FORMER_WEIGHTS[case]
    stored = _before_class_weights(overrides[0])
    stored["method"] |= options
    before = copy.deepcopy(stored)

    read = read_stored(stored, tmp_path, [])

    assert stored == before
    assert read == settings_of(*overrides)
    assert identity(stored, "split", None) == identity(read.model_dump(), "split", None)


@pytest.mark.parametrize("method", ["ce", "aduni", "decouple"])
def test_runs_from_before_the_group_have_no_class_weights(method, tmp_path):
    stored, today = _before_class_weights(f"method={method}"), settings_of(f"method={method}")

    read = read_stored(stored, tmp_path, [])

    assert read.names.class_weights == "none"
    assert read.class_weights == today.class_weights == NO_CLASS_WEIGHTS
    assert filled(read.model_dump()) == filled(today.model_dump())
    assert identity(stored, "split", None) == identity(today.model_dump(), "split", None)
    if "class_weights" in today.method:
        weighted = settings_of(f"method={method}").model_dump()
        weighted["method"]["class_weights"] = {**NO_CLASS_WEIGHTS, "deferred": 0.5}
        assert identity(weighted, "split", None) != identity(stored, "split", None)


@pytest.mark.parametrize(
    "broken",
    [
        {"method": None},
        {"method": {"reweight": ["x"], "beta": {}}},
        {"method": {"loss": {"_target_": "aduni.losses.class_balanced"}}, "names": "x"},
        {"method": {"loss": {"_target_": ["aduni.losses.class_balanced"]}}},
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(broken, tmp_path, refusal):
    refusal(lambda: read_stored({**settings_of().model_dump(), **broken}, tmp_path, []), tmp_path)
    with_class_weights(broken)


@pytest.mark.parametrize(
    ("mixup", "overrides"),
    [
        (0.0, ("method=ce",)),
        (0.4, ("method=decouple", "method.mixing.kind=mixup", "method.mixing.a=0.4")),
        (0.2, ("method=mislas",)),
    ],
)
def test_runs_with_a_parameter_of_mixup_are_those_of_the_mixing(mixup, overrides, tmp_path):
    today = settings_of(*overrides)
    stored = today.model_dump()
    del stored["method"]["mixing"]
    stored["method"]["mixup"] = mixup

    read = read_stored(stored, tmp_path, [])

    assert read == today
    assert identity(stored, "split", None) == identity(today.model_dump(), "split", None)
