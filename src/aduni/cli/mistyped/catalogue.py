"""What a command takes, as conf/ has it, and what a mistyped name may have meant."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
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
    **dict.fromkeys(("path", "dir", "data_dir", "data_path"), ("dataset.root", "images", "runs")),
    **dict.fromkeys(("input", "inputs"), ("images", "runs")),
    **dict.fromkeys(("pretrained", "imagenet"), ("encoder.weights",)),
    **dict.fromkeys(("amp", "fp16", "bf16", "half"), ("precision",)),
    **dict.fromkeys(("bs", "batch"), ("batch_size",)),
    **dict.fromkeys(("wd", "decay", "l2"), ("weight_decay",)),
}
"""Names of other programs, and those of these commands that mean the same."""


@dataclass(frozen=True)
class Catalogue:
    """Groups with their options, keys with their defaults.

    Attributes:
        groups: options of each.
        keys: in full, of the command and of every option; those without a default have None.
        lists: keys whose comment offers several values.
    """

    groups: dict[str, list[str]]
    keys: dict[str, Any]
    lists: set[str] = field(default_factory=set)

    def __contains__(self, name: str) -> bool:
        return name in self.groups or name in self.keys

    def group_with(self, option: str) -> str | None:
        """The first group that has an option of this name."""
        return next((name for name, options in self.groups.items() if option in options), None)

    def meant(self, word: str) -> str | None:
        """The key or group that a name stands for: of other capitals or signs, or a synonym."""
        if word in self:
            return word
        plain = _plain(word)
        for name in self._names:
            if plain in (_plain(name), _plain(name.rpartition(".")[2])):
                return name
        synonyms = SYNONYMS.get(word.lower().replace("-", "_"), ())
        return next((name for name in synonyms if name in self), None)

    def near(self, word: str) -> str | None:
        """What a name stands for, or the one that is spelled most like it."""
        if found := self.meant(word):
            return found
        last = {name.rpartition(".")[2]: name for name in reversed(self._names)}
        close = difflib.get_close_matches(word.lower().replace("-", "_"), last, n=1)
        return last[close[0]] if close else None

    def begins(self, word: str) -> str | None:
        """The longest name that a word begins with."""
        names = [name for name in self._names if word.lower().startswith(name)]
        return max(names, key=len, default=None)

    @cached_property
    def _names(self) -> list[str]:
        return [*self.groups, *self.keys]


@cache
def catalogue_of(conf: Path, command: str) -> Catalogue:
    """Of a command's file and the options of its groups."""
    path = conf / f"{command}.yaml"
    content = yaml.safe_load(path.read_text())
    groups = {group: options_of(conf, group) for group in groups_of(path)}
    keys: dict[str, Any] = {}
    for key, value in _values(content):
        keys[key] = value
    for group, option in groups_of(path).items():
        if "@" in group:  # a table's options have the same keys
            continue
        names = [option, *sorted({*groups[group]} - {option})]
        for name in filter(None, names):
            for key, value in _leaf(conf, group, name).items():
                if keys.get(key) is None and not key.endswith("_target_"):
                    keys[key] = value
    comments = comments_of(path).items()
    lists = {
        key for key, words in comments if re.search(rf"\[several\]|\ba list of\b|{key}=\[", words)
    }
    return Catalogue(groups, keys, lists)


def leaf_keys(conf: Path, group: str, option: str) -> list[str]:
    """Of a group's option, in full."""
    return list(_leaf(conf, group, option))


def _leaf(conf: Path, group: str, option: str) -> dict[str, Any]:
    return read_leaf(conf / group / f"{option}.yaml").values


def _values(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of the command itself; inside of a mapping that no group has, too."""
    for key, value in flattened(content):
        if key.partition(".")[0] not in ("defaults", "hydra", "names"):
            yield key, None if value == "???" else value


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
