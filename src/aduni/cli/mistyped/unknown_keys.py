"""Keys that do not exist: suggest the nearest one, or the option that has it."""

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from aduni.cli.mistyped.catalogue import catalogue_of
from aduni.cli.yaml_docs import read_leaf
from aduni.errors import did_you_mean
from aduni.system.program import CONF


def describe_unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    """Return the sentence for a key that the configuration does not have."""
    full = str(error.full_key or error.key)
    parent = error.parent_node
    siblings = parent if isinstance(parent, DictConfig) else DictConfig({})
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    near = did_you_mean(full.rpartition(".")[2], known)
    hint = _hint_deeper_key(full, siblings) or _hint_other_key(full, near) or near
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
    resolved = catalogue.resolve(key)
    return f" (did you mean {resolved}?)" if resolved and resolved != key else ""


def _hint_deeper_key(key: str, groups: DictConfig) -> str:
    """Hint at a key of a group that was given without the group, interpolated copies left out."""
    entries = groups.items_ex(resolve=False)  # a key that must be given may be missing
    nodes = {str(name): node for name, node in entries if isinstance(node, DictConfig)}
    nodes.pop("hydra", None)
    for name, node in nodes.items():
        if key in node and not OmegaConf.is_interpolation(node, key):
            return f" (did you mean {name}.{key}?)"
    return ""
