"""Keys and groups of a command, and what a mistyped name probably stands for."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from aduni.cli.help import groups_of, options_of
from aduni.cli.yaml_docs import comments_of, flattened, read_leaf

SYNONYMS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("learning_rate", "eta"), ("lr",)),
    **dict.fromkeys(("model", "net", "network"), ("encoder.name", "ckpt")),
    **dict.fromkeys(("arch", "architecture", "backbone"), ("encoder.name",)),
    **dict.fromkeys(("checkpoint", "weights", "model_path"), ("ckpt", "resume")),
    **dict.fromkeys(("loss", "criterion", "algorithm"), ("method",)),
    **dict.fromkeys(("device", "accelerator", "cuda"), ("trainer",)),
    **dict.fromkeys(("gpus", "num_gpus", "n_gpus", "ngpus"), ("trainer.devices",)),
    **dict.fromkeys(("size", "img_size", "input_size", "resolution"), ("dataset.image_size",)),
    **dict.fromkeys(
        ("data", "path", "dir", "data_dir", "data_path"), ("data", "dataset.root", "images", "runs")
    ),
    **dict.fromkeys(("input", "inputs"), ("images", "runs")),
    **dict.fromkeys(("pretrained", "imagenet"), ("encoder.weights",)),
    **dict.fromkeys(("amp", "fp16", "bf16", "half"), ("precision",)),
    **dict.fromkeys(("bs", "batch"), ("batch_size",)),
    **dict.fromkeys(("wd", "decay", "l2"), ("weight_decay",)),
}
"""Names of other programs, and the keys here that may have the same meaning."""


PREFERRED = {
    "image_size": "dataset.image_size",
    "momentum": "optimizer.momentum",
    "weight_decay": "optimizer.weight_decay",
    "weights": "encoder.weights",
}
"""Names that several groups have as a key, and the key that is meant."""


@dataclass(frozen=True)
class Catalogue:
    """Groups with their options, and keys with their defaults.

    Attributes:
        groups: group -> names of its options.
        keys: full key of the command or of any option -> default, None if it has none.
        lists: keys whose comment says that they take several values.
    """

    groups: dict[str, list[str]]
    keys: dict[str, Any]
    lists: set[str] = field(default_factory=set)

    def __contains__(self, name: str) -> bool:
        return name in self.groups or name in self.keys

    def group_with(self, option: str) -> str | None:
        """Return the first group that has an option of this name."""
        return next((name for name, options in self.groups.items() if option in options), None)

    def resolve(self, name: str) -> str | None:
        """Return the key or group of this name, whatever its capitals and signs, or a synonym."""
        if name in self:
            return name
        if PREFERRED.get(name) in self.keys:
            return PREFERRED[name]
        plain = _plain(name)
        for known in self._names:
            if plain in (_plain(known), _plain(known.rpartition(".")[2])):
                return known
        synonyms = SYNONYMS.get(name.lower().replace("-", "_"), ())
        # The list `data` of reproduce.py names no images.
        plain_keys = (k for k in synonyms if k in self and not isinstance(self.keys.get(k), list))
        return next(plain_keys, None)

    def closest(self, name: str) -> str | None:
        """Return what `resolve` finds, or else the key or group with the most similar spelling."""
        if resolved := self.resolve(name):
            return resolved
        by_last_part = {known.rpartition(".")[2]: known for known in reversed(self._names)}
        close = difflib.get_close_matches(name.lower().replace("-", "_"), by_last_part, n=1)
        return by_last_part[close[0]] if close else None

    def longest_prefix(self, text: str) -> str | None:
        """Return the longest key or group that a text begins with."""
        names = [name for name in self._names if text.lower().startswith(name)]
        return max(names, key=len, default=None)

    @cached_property
    def _names(self) -> list[str]:
        return [*self.groups, *self.keys]


@cache
def catalogue_of(conf: Path, command: str) -> Catalogue:
    """Read the keys of `conf/COMMAND.yaml` and of all options of its groups."""
    path = conf / f"{command}.yaml"
    defaults = groups_of(path)
    groups = {group: options_of(conf, group) for group in defaults}
    keys: dict[str, Any] = {
        key: None if value == "???" else value
        for key, value in flattened(yaml.safe_load(path.read_text()))
        if key.partition(".")[0] not in ("defaults", "hydra", "names")
    }
    for group, default in defaults.items():
        if "@" in group:  # its options have the keys of the group before the @
            continue
        for option in filter(None, (default, *groups[group])):
            for key, value in read_leaf(conf / group / f"{option}.yaml").values.items():
                if keys.get(key) is None and not key.endswith("_target_"):
                    keys[key] = value
    several = r"\[several\]|\ba list of\b|{}=\["
    comments = comments_of(path).items()
    lists = {key for key, comment in comments if re.search(several.format(key), comment)}
    return Catalogue(groups, keys, lists)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
