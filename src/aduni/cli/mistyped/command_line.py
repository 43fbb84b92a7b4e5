"""Command line under examination, and what its command accepts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from aduni.cli.arguments import ALIASES, LIST_KEYS
from aduni.cli.mistyped.catalogue import Catalogue, catalogue_of
from aduni.cli.mistyped.quoting import quote_for_shell

SHORT_FORM_COMMANDS = ("report", "reproduce")
"""Commands whose arguments `hydra_arguments` translates."""

SEVERAL_OPTIONS = ("logger",)
"""Groups of which several options may be chosen at once."""

NUMBER = re.compile(r"[-+]?\d*\.?\d+(e[-+]?\d+)?")


@dataclass(frozen=True)
class CommandLine:
    """A command and its arguments.

    Attributes:
        conf: configuration folder.
        command: name of the script.
        args: arguments, without flags once these have been read.
        multirun: whether -m was given.
    """

    conf: Path
    command: str
    args: Sequence[str]
    multirun: bool = False

    @cached_property
    def catalogue(self) -> Catalogue:
        """Groups and keys of the command, read from conf/ when first needed."""
        return catalogue_of(self.conf, self.command)

    def rest_of_value(self, index: int) -> list[str]:
        """Return the arguments after this one that may belong to its value."""
        return list(takewhile(self._may_continue, self.args[index + 1 :]))

    def _may_continue(self, arg: str) -> bool:
        if not arg.strip() or "=" in arg or re.match(r"~\w", arg):
            return False
        if self.command == "reproduce" and arg in ALIASES:
            return False
        return arg.rstrip(":") not in self.catalogue

    def default(self, key: str) -> Any:
        """Return a key's default, or None for a group or a key without one."""
        return self.catalogue.keys.get(key)

    def _is_plain_list(self, key: str) -> bool:
        return self.command in SHORT_FORM_COMMANDS and key in (*LIST_KEYS, "dataset")

    def takes_list(self, key: str) -> bool:
        """Tell whether several values of a key form one setting."""
        is_list = isinstance(self.default(key), list) or key in self.catalogue.lists
        is_list = is_list or key in SEVERAL_OPTIONS
        return self._is_plain_list(key) or is_list

    def list_argument(self, key: str, values: Sequence[str]) -> str:
        """Return the shell word that sets such a key to these values."""
        joined = ",".join(values)
        return quote_for_shell(f"{key}={joined if self._is_plain_list(key) else f'[{joined}]'}")

    def are_options(self, key: str, values: Sequence[str]) -> bool:
        """Tell whether all values are options of the group `key`."""
        return bool(values) and set(values) <= set(self.catalogue.groups.get(key, ()))

    def are_values(self, key: str, values: Sequence[str]) -> bool:
        """Tell whether each value is complete: an option, or a number where one is expected."""
        is_number = isinstance(self.default(key), int | float) or key in ("fold", "seed")
        is_number = is_number or (self.takes_list(key) and key not in self.catalogue.lists)
        if is_number and values and all(map(NUMBER.fullmatch, values)):
            return True
        return self.are_options(key, values)
