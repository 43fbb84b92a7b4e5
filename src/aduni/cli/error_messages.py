"""Sentences for errors that the user can fix, whoever raised them."""

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
from aduni.cli.mistyped.catalogue import catalogue_of, leaf_keys
from aduni.errors import UnknownOptionError, UserError, did_you_mean
from aduni.shortage import shortage

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

HYDRA_SAYS = {
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
"""Beginnings of Hydra's and OmegaConf's messages, and what to say instead."""


def sentence_of(error: BaseException) -> str:
    """What is wrong and what to do, for an error that its author can mend."""
    cause = error.__cause__
    mistake = _user_error(error)
    if isinstance(mistake, UnknownOptionError):
        return _unknown_option(mistake)
    if mistake is not None:
        return str(mistake)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if (short := shortage(error)) is not None:
        return short
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        remedy = "free space there" if error.errno in FULL else "check the path and its permissions"
        return f"{place}{error.strerror or error}; {remedy}."
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing; give it on the command line."
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(cause)
    text = " ".join(str(error).split())
    for pattern, sentence in HYDRA_SAYS.items():
        if found := re.match(pattern, text):
            return sentence.format(*found.groups())
    return text


def _user_error(error: BaseException | None) -> UserError | None:
    """The error or what it came from: Hydra and OmegaConf wrap what a resolver raises."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def _unknown_option(error: UnknownOptionError) -> str:
    """Who typed no such key has it from an experiment that is for another method."""
    if not HydraConfig.initialized():
        return str(error)
    hydra = HydraConfig.get()
    choices = hydra.runtime.choices
    experiment = choices.get("experiment")
    typed = [word.lstrip("+").partition("=")[0] for word in hydra.overrides.task]
    by_hand = any(f"{key}.".startswith(f"{error.key}.") for key in typed)
    group = error.key.partition(".")[0]
    if not experiment or by_hand or group not in typed:
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
    if group == "encoder" and (near := _backbones_like(option)):
        return f"encoder={option} does not exist; write encoder.name={near[0]}."
    hint = did_you_mean(option, options)
    return f"{group}={option} does not exist{hint}; choose one of {', '.join(options)}."


def _backbones_like(name: str) -> list[str]:
    """At most one; the encoders take torch, which reports and plans do without."""
    from aduni.models.encoder import backbones

    return get_close_matches(name.lower(), backbones(), n=1)


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    full = str(error.full_key or error.key)
    parent = error.parent_node
    siblings = parent if isinstance(parent, DictConfig) else DictConfig({})
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    near = did_you_mean(full.rpartition(".")[2], known)
    hint = _deeper(full, siblings) or _other_name(full, near) or near
    return f"{full} is no known key{hint}; the keys there are {', '.join(known)}."


def _other_name(key: str, near: str) -> str:
    """A hint at a key that this one is another name of, or at the option that has it.

    Args:
        key: that is not known.
        near: hint at what is spelled most like it.
    """
    command = Path(sys.argv[0]).stem
    if not (CONF / f"{command}.yaml").is_file():
        return ""
    catalogue = catalogue_of(CONF, command)
    group, dot, _ = key.partition(".")
    if group in catalogue.groups and dot:
        having = [o for o in catalogue.groups[group] if key in leaf_keys(CONF, group, o)]
        return f" ({group}={having[0]} has it)" if having else ""
    words = [word.lstrip("+").partition("=") for word in sys.argv[1:]]
    value = next((value for typed, _, value in words if typed == key), "")
    with_value = catalogue.group_with(value)
    if with_value and f" {with_value}?" not in near:
        return f" (did you mean {with_value}={value}?)"
    meant = catalogue.meant(key)
    return f" (did you mean {meant}?)" if meant and meant != key else ""


def _deeper(key: str, groups: DictConfig) -> str:
    """A hint at a group's key that was given without its group; copies of others' do not count."""
    entries = groups.items_ex(resolve=False)  # a key that must be given may be missing
    nodes = {str(name): node for name, node in entries if isinstance(node, DictConfig)}
    nodes.pop("hydra", None)
    found = [n for n in nodes if key in nodes[n] and not OmegaConf.is_interpolation(nodes[n], key)]
    return f" (did you mean {found[0]}.{key}?)" if found else ""
