"""Describe errors that the user can fix in one sentence, whichever library raised them."""

import errno
import re
from difflib import get_close_matches

from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue

from aduni.cli.help import options_of
from aduni.cli.mistyped.unknown_keys import describe_unknown_key
from aduni.errors import UnknownOptionError, UserError, did_you_mean, missing_extra
from aduni.models.backbones import PREFIXES
from aduni.models.backbones.names import list_backbones
from aduni.shortage import shortage
from aduni.system.program import CONF

HYDRA_MESSAGES = {
    r"Could not override '(.+?)'. No match in the defaults list": (
        "{0} is not a group of this command; --help lists its groups and keys."
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


LAUNCHERS = {
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
}
"""Launchers of an extra, and their packages."""


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
        return describe_unknown_key(error.__cause__)
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
    missing = str(error.missing_cfg_file)
    backbone = missing.removeprefix("encoder/")
    if backbone.startswith(PREFIXES):
        return f"encoder={backbone} does not exist; write encoder.name={backbone}."
    group, _, option = missing.rpartition("/")
    if not group:
        return f"There is no configuration {option}; leave --config-name out."
    if group == "hydra/launcher" and option in LAUNCHERS:
        return str(missing_extra(f"{group}={option}", LAUNCHERS[option], "sweep"))
    options = error.options or options_of(CONF, group)  # Hydra has none for one of several
    near = get_close_matches(option.lower(), list_backbones() if group == "encoder" else [], n=1)
    if near:
        return f"encoder={option} does not exist; write encoder.name={near[0]}."
    hint = did_you_mean(option, options)
    return f"{group}={option} does not exist{hint}; choose one of {', '.join(options)}."
