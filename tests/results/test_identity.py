"""What an identity is made of, and what it is not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import OmegaConf

from aduni.results import identity
from aduni.results.former_configurations import FORMER
from aduni.results.identity import NEUTRAL, WITHOUT_IDENTITY
from composing import settings_of

Config = dict[str, Any]


@pytest.fixture
def config() -> Config:
    return settings_of("method=balms", "dataset=aptos", "alpha=constant").model_dump()


def _of(config: Config, split: str = "split", first: str | None = "first") -> str:
    return identity.identity(config, split, first)


def _set(key: str, value: object) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        *groups, last = key.split(".")
        for group in groups:
            config = config[int(group)] if group.isdigit() else config[group]
        config[last] = value

    return change


def _changed(config: Config, *changes: Callable[[Config], None]) -> Config:
    own = copy.deepcopy(config)
    for change in changes:
        change(own)
    return own


def test_it_is_always_the_same(config):
    assert _of(config) == _of(dict(reversed(config.items())))
    assert len(_of(config)) == 12
    assert int(_of(config), 16) >= 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0.06),
        ("seed", 1),
        ("fold", 1),
        ("augment", "gpu"),
        ("precision", "bf16-mixed"),
        ("names.method", "other"),
        ("method._target_", "aduni.methods.AdUni"),
        ("method.dropout", 0.4),
        ("method.a_later_option", 1),
        ("dataset.image_size", 33),
        ("dataset.augment.0.p", 0.5),
        ("dataset.augment.0._target_", "albumentations.Affine"),
        ("protocol.folds", 6),
        ("encoder.weights", "DEFAULT"),
        ("trainer.devices", 2),
        ("optimizer.weight_decay", None),
        ("optimizer.decay_norms_and_biases", False),
        ("optimizer._target_", "aduni.training.adamw"),
    ],
)
def test_a_value_changes_it(config, key, value):
    assert _of(_changed(config, _set(key, value))) != _of(config)


def test_the_split_and_the_first_stage_change_it(config):
    assert len({_of(config), _of(config, split="other"), _of(config, first="other")}) == 3
    assert _of(config, first=None) != _of(config)


@pytest.mark.parametrize("key", sorted(WITHOUT_IDENTITY - {"logger"}))
def test_what_no_figure_depends_on_does_not(config, key):
    assert _of(_changed(config, _set(key, "elsewhere"))) == _of(config)


def test_a_dashboard_does_not(config):
    assert _of({**config, "logger": {"_target_": "own.Logger", "project": "mine"}}) == _of(config)


@pytest.mark.parametrize(("typed", "checked"), [(1, 1.0), ("1", 1), ("0.5", 0.5), (True, "True")])
def test_a_value_is_the_same_however_it_is_written(config, typed, checked):
    pair = [_of(_changed(config, _set("alpha.value", value))) for value in (typed, checked)]
    assert pair[0] == pair[1]


@pytest.mark.parametrize(("one", "other"), [("02", 2), (True, 1), ("None", None), ("nan", None)])
def test_texts_that_only_look_alike_are_two_values(config, one, other):
    pair = [_of(_changed(config, _set("alpha.value", value))) for value in (one, other)]
    assert pair[0] != pair[1]


def test_a_moved_class_does_not_change_it(config, monkeypatch):
    before = _of(config)
    for name in ("aduni.methods.BALMS", "aduni.data.FlippedAffine"):
        monkeypatch.setitem(FORMER, f"aduni.moved.{name.rpartition('.')[2]}", name)
    moved = _changed(
        config,
        _set("method._target_", "aduni.moved.BALMS"),
        _set("dataset.augment.0._target_", "aduni.moved.FlippedAffine"),
    )
    named = _changed(config, _set("method._target_", "aduni.methods.BALMS"))
    assert _of(moved) == _of(named) == _of(config) == before


LATER = {
    "a setting": ("a_later_one", "a_later_one"),
    "an option of a group": ("dataset.a_later_one", "dataset.a_later_one"),
    "a group": ("names.floor", "names.floor"),
    "of whatever takes it": ("aduni.data.FlippedAffine.later", "dataset.augment.0.later"),
}


@pytest.mark.parametrize("neutral", ["auto", 1, 1.0, None, [1, 2], False, {"a": 1}])
@pytest.mark.parametrize("kind", LATER)
def test_a_later_option_at_its_neutral_value_does_not_change_it(config, kind, neutral, monkeypatch):
    declared, key = LATER[kind]
    monkeypatch.setitem(NEUTRAL, declared, neutral)
    assert _of(_changed(config, _set(key, neutral))) == _of(config)
    assert _of(_changed(config, _set(key, "another"))) != _of(config)
    assert _of(_changed(config, _set(f"{key}_of_another_name", neutral))) != _of(config)


def test_16_bits_are_what_a_run_had_before_there_was_a_choice(config):
    assert _of(_changed(config, _set("dataset.bits", 16))) == _of(config)
    assert _of(_changed(config, _set("dataset.bits", "auto"))) != _of(config)


def test_neutral_values_are_of_options_that_there_are():
    """A name that is mistyped, or that has moved, would rename all runs."""
    for option in NEUTRAL:
        holder, _, name = option.rpartition(".")
        if holder in FORMER.values():
            continue
        settings = OmegaConf.create(settings_of().model_dump())
        assert name in settings if not holder else OmegaConf.select(settings, holder)
