"""Compose a command's configuration from Python values, with the command line's checks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

import aduni.cli.app  # noqa: F401  (registers the resolvers of conf/)
from aduni.cli.arguments import quoted
from aduni.cli.early_checks import check_names
from aduni.cli.error_messages import describe_error
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.first_mistake import first_mistake
from aduni.errors import UserError
from aduni.system.program import CONF


def to_overrides(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as overrides: {"epochs": 5, "dataset": {"image_size": 64}} as two of them.

    A dictionary under the name of a group holds keys of the group; its option, if that is given,
    too, stands under the name alone.
    """
    overrides = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and (CONF / key).is_dir():
            overrides += to_overrides({f"{key}.{name}": each for name, each in value.items()})
        else:
            overrides.append(f"{key}={_text(value)}")
    return overrides


def _text(value: Any) -> str:
    """Write a value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_text(str(k))}:{_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str | Path):
        return quoted(str(value))
    return str(value)


@contextmanager
def composed(command: str, overrides: Sequence[str]) -> Iterator[DictConfig]:
    """Yield the configuration of a command; Hydra, as the command would have it, is set up inside.

    Raises:
        UserError: for every mistake that the command line would answer.
    """
    _refuse_mistakes(command, overrides)
    before = Singleton.get_state()  # of a program that uses Hydra itself
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            try:
                config = compose(command, list(overrides), return_hydra_config=True)
                HydraConfig.instance().set_config(config)
                with open_dict(config):
                    del config.hydra
                check_names(config)
            except (HydraException, OmegaConfBaseException) as error:
                raise UserError(describe_error(error)) from error
            yield config
    finally:
        Singleton.set_state(before)


def _refuse_mistakes(command: str, overrides: Sequence[str]) -> None:
    line = CommandLine(CONF, command, [o for o in overrides if not o.startswith("hydra.")])
    if mistake := first_mistake(line):
        raise UserError(f"{mistake}.")
