"""Describe errors that the user can fix in one sentence, whichever library raised them."""

import errno
import re
import sys
from difflib import get_close_matches
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue

from aduni.cli.before_imports import CONF
from aduni.cli.mistyped.catalogue import catalogue_of
from aduni.cli.yaml_docs import read_leaf
from aduni.errors import UnknownOptionError, UserError, did_you_mean
from aduni.shortage import shortage

HYDRA_MESSAGES = {
    r"Could not override '(.+?)'. No match in the defaults list": (
        "{0} is no group of this command; --help lists its groups and keys."
    ),
    r"Could not append to config. An item is already at '(.+?)'": (
        "{0} exists already; write {0}= without +."
    ),
    r"Multiple values for (\S+?)\. To override": "{0} is chosen already; write {0}= without +.",
    r"(\S+) appears more than once in the final defaults list": (
        "{0} is chosen already; write {0}= without +."
    ),
    r"Could not delete from config. '(.+?)' does not exist": (
        "{0} does not exist, so it cannot be taken away; leave ~{0} out."
    ),
    r"Could not delete from config. The value of '(.+?)' is (.*) and not (.*)\.": (
        "{0} is {1} and not {2}; write ~{0}."
    ),
    r"Interpolation key '(.+?)' not found": (
        "${{{0}}} names no key; write the value itself, or \\${{{0}}} for these very characters."
    ),
}
"""Pattern of a message of Hydra or OmegaConf -> what is printed instead."""


def describe_error(error: BaseException) -> str:
    """Return what is wrong and what to do about it."""
    # Hydra and OmegaConf wrap the errors of resolvers.
    origin: BaseException | None = error
    while origin is not None and not isinstance(origin, UserError):
        origin = origin.__cause__ or origin.__context__
    if origin is not None:
        return _unknown_option(origin) if isinstance(origin, UnknownOptionError) else str(origin)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if (short := shortage(error)) is not None:
        return short
    if isinstance(error, OSError):
        file = f"{error.filename}: " if error.filename else ""
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free space there" if is_full else "check the path and its permissions"
        return f"{file}{error.strerror or error}; {remedy}."
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing; give it on the command line."
    if isinstance(error.__cause__, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(error.__cause__)
    text = " ".join(str(error).split())
    for pattern, sentence in HYDRA_MESSAGES.items():
        if match := re.match(pattern, text):
            return sentence.format(*match.groups())
    return text


def _unknown_option(error: UnknownOptionError) -> str:
    """Blame the experiment for an option that it sets and the chosen method does not have."""
    if not HydraConfig.initialized():
        return str(error)
    hydra = HydraConfig.get()
    choices = hydra.runtime.choices
    experiment = choices.get("experiment")
    typed = [override.lstrip("+").partition("=")[0] for override in hydra.overrides.task]
    is_typed = any(f"{key}.".startswith(f"{error.key}.") for key in typed)
    group = error.key.partition(".")[0]
    if not experiment or is_typed or group not in typed:
        return str(error)
    return (
        f"experiment={experiment} sets {error.key}, which {error.problem}; remove "
        f"{group}={choices[group]} or experiment={experiment}."
    )


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = error.options or []
    if not group:
        return f"There is no configuration {option}; leave --config-name out."
    if group == "encoder":
        from aduni.models.encoder import list_backbones  # imports torch

        if near := get_close_matches(option.lower(), list_backbones(), n=1):
            return f"encoder={option} does not exist; write encoder.name={near[0]}."
    hint = did_you_mean(option, options)
    return f"{group}={option} does not exist{hint}; choose one of {', '.join(options)}."


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    full = str(error.full_key or error.key)
    parent = error.parent_node
    siblings = parent if isinstance(parent, DictConfig) else DictConfig({})
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    near = did_you_mean(full.rpartition(".")[2], known)
    hint = _hint_deeper_key(full, siblings) or _hint_other_key(full, near) or near
    others = f"; the keys there are {', '.join(known)}" if known else ""
    return f"{full} is no known key{hint}{others}."


def _hint_other_key(key: str, near: str) -> str:
    """Hint at the option that has an unknown key, or at the key that it is another name of.

    Args:
        key: the unknown key.
        near: hint at the known key with the most similar spelling.
    """
    command = Path(sys.argv[0]).stem
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
        return f" ({group}={having[0]} has it)" if having else ""
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
