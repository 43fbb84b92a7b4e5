"""Keys that do not exist: suggest the nearest one, or the option that has it."""

import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from aduni.cli.mistyped.catalogue import PREFERRED, catalogue_of
from aduni.cli.yaml_docs import read_leaf
from aduni.system.program import CONF


def describe_unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    """Return the sentence for a key that the configuration does not have."""
    full = str(error.full_key or error.key)
    parent = error.parent_node
    siblings = parent if isinstance(parent, DictConfig) else DictConfig({})
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    deeper = _keys_of_groups(siblings)
    near = _closest(full.rpartition(".")[2], {**deeper, **{key: key for key in known}})
    exact = f" (did you mean {deeper[full]}?)" if full in deeper else ""
    hint = exact or _hint_other_key(full, near) or near
    others = f"; the keys there are {', '.join(known)}" if known else ""
    return f"{full} is not a known key{hint}{others}."


def _hint_other_key(key: str, near: str) -> str:
    """Hint at the option that has an unknown key, or at the key that it is another name of.

    Args:
        key: the unknown key.
        near: hint at the known key with the most similar spelling.
    """
    command = Path(sys.argv[0].split()[-1]).stem
    if not (CONF / f"{command}.yaml").is_file():
        return ""
    catalogue = catalogue_of(CONF, command)
    group, dot, _ = key.partition(".")
    if group in catalogue.groups and dot:
        having = [
            o
            for o in catalogue.groups[group]
            if key in read_leaf(CONF / group / f"{o}.yaml").values
        ]
        short = "; data=FILE stands for both" * (key == "dataset.csv" and "data" in catalogue)
        return f" ({group}={having[0]} has it{short})" if having else ""
    args = [arg.lstrip("+").partition("=") for arg in sys.argv[1:]]
    value = next((value for typed, _, value in args if typed == key), "")
    other_group = catalogue.group_with(value)
    if other_group and f" {other_group}?" not in near:
        return f" (did you mean {other_group}={value}?)"
    resolved = catalogue.resolve(key) if near else catalogue.closest(key)
    return f" (did you mean {resolved}?)" if resolved and resolved != key else ""


def _keys_of_groups(groups: DictConfig) -> dict[str, str]:
    """Return key -> full key of the groups' keys, for one that was given without its group.

    A key that copies another one, as ${epochs} does, is left out, since a value there has less
    effect.
    """
    entries = groups.items_ex(resolve=False)  # a key that must be given may be missing
    nodes = {str(name): node for name, node in entries if isinstance(node, DictConfig)}
    found: dict[str, list[str]] = {}
    for name in nodes.keys() - ("hydra", "names"):
        plain: Any = OmegaConf.to_container(nodes[name], resolve=False)
        for key, value in zip(map(str, plain), plain.values(), strict=True):
            is_copy = re.fullmatch(r"\$\{[\w.]+\}", str(value)) is not None
            if not is_copy and not key.startswith("_"):
                found.setdefault(key, []).append(f"{name}.{key}")
    return {
        key: min(named, key=lambda full: (full != PREFERRED.get(key), full))
        for key, named in found.items()
    }


def _closest(word: str, known: Mapping[str, str]) -> str:
    """Hint at the key whose last part has the most similar spelling; empty if none is similar."""
    same = [key for key in known if key.casefold() == word.casefold()]
    near = same or get_close_matches(word, known, n=1)
    return f" (did you mean {known[near[0]]}?)" if near else ""
