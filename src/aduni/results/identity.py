"""The identity of a run: a hash of all resolved values, the split and the first stage.

The identity of a run goes by the content of its config.yaml. It stays the same when a class moves
and when an option is added whose value changes nothing; a changed default makes another one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from aduni.results.former_configurations import (
    NO_CLASS_WEIGHTS,
    NO_MIXING,
    package_level_name,
    with_class_weights,
    with_mixing,
    with_optimizer,
)
from aduni.results.run_folder import WITHOUT_EFFECT

NEUTRAL: dict[str, Any] = {
    "dataset.bits": 16,
    "protocol.near_duplicates": False,
    "protocol.calibration_fraction": 0.0,
    "dataset.ordinal": None,
    "dataset.label_columns": None,
    "dataset.metadata_columns": None,
    "class_weights": NO_CLASS_WEIGHTS,
    "method.class_weights": NO_CLASS_WEIGHTS,
    "names.class_weights": "none",
    "method.mixing": NO_MIXING,
    "lr_schedule": "cosine",
    "ema_decay": None,
    "patience": None,
    "max_time": None,
    "aduni.data.FlippedAffine.order": "shear_last",
    "aduni.models.Encoder.adaptation": "full",
    "aduni.models.Encoder.architecture": None,
    "aduni.models.Encoder.feature_views": 8,
    "aduni.models.Encoder.layer_decay": 1.0,
}
"""Values at which options that were added later change nothing.

A key is the option's place in the configuration (`dataset.bits`), or the package-level name of the
class that takes it and its own (`aduni.data.FlippedAffine.order`), wherever that stands. An option
with its neutral value is left out of the identity, as it is in configurations from before it.
A declared value must never change, since that would rename runs.
"""

WITHOUT_IDENTITY = frozenset(
    [
        *(*WITHOUT_EFFECT, "save_features", "logger", "trust", "shard", "trainer.accelerator"),
        # `identity` uses what these two lead to.
        *("protocol.split_file", "method.stage1_ckpt"),
        *("names.recipe", "names.optimizer"),  # their values are settings of their own
        "data",  # short for keys of the data set
    ]
)
"""Keys that may differ between runs of one identity: no metric depends on them."""

YAML_WORDS = {"True": True, "False": False, "null": None}
"""Names that YAML reads as values, and those values."""


def identity(config: Mapping[str, Any], split: str, first_stage: str | None) -> str:
    """Return a hash, in 12 hexadecimal digits, of all that determines the results of a run.

    Args:
        config: resolved, as composed or as config.yaml holds it.
        split: hash of the split.
        first_stage: identity of the run whose best checkpoint takes the first stage's place.
    """
    text = json.dumps([comparable(config), split, first_stage], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with package-level names and each number in one form.

    Keys that no metric depends on are left out, and options at their neutral value.
    """
    return dict(_entries(with_mixing(with_class_weights(with_optimizer(config))), ""))


def filled(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration, and add later options that it lacks at their neutral values."""
    content: dict[str, Any] = _filled(config)
    for option, neutral in NEUTRAL.items():
        *groups, name = option.split(".")
        node: Any = content
        for group in groups:
            node = node.get(group) if isinstance(node, dict) else None
        if isinstance(node, dict) and not option.startswith("aduni."):
            node.setdefault(name, neutral)
    return content


def _filled(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return [_filled(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    target = package_level_name(str(node.get("_target_")))
    later = {
        option.rpartition(".")[2]: neutral
        for option, neutral in NEUTRAL.items()
        if option.rpartition(".")[0] == target
    }
    return later | {key: _filled(value) for key, value in node.items()}


def _plain(node: Any, place: str) -> Any:
    if isinstance(node, Mapping):
        return dict(_entries(node, place))
    if isinstance(node, list | tuple):
        return [_plain(value, f"{place}.{number}") for number, value in enumerate(node)]
    return _scalar(node)


def _entries(node: Mapping[Any, Any], place: str) -> Iterator[tuple[str, Any]]:
    target = package_level_name(str(node.get("_target_")))
    for key, value in node.items():
        full = f"{place}.{key}" if place else str(key)
        if full in WITHOUT_IDENTITY:
            continue
        plain = target if key == "_target_" else _plain(value, full)
        options = (full, f"{target}.{key}")
        if not any(
            option in NEUTRAL and plain == _plain(NEUTRAL[option], "") for option in options
        ):
            yield str(key), plain


def _scalar(value: Any) -> Any:
    """Return 2 for 2.0 and "2", since checked settings are typed and composed ones are not."""
    if isinstance(value, str):
        return _read(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(text: str) -> Any:
    """Return the value that a text spells, or the text."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text:
            return _scalar(number)
    return YAML_WORDS.get(text, text)
