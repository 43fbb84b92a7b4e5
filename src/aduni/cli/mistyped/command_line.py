"""The command line that is checked, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from aduni.cli.arguments import LISTS
from aduni.cli.mistyped.catalogue import Catalogue, catalogue_of

OWN_FORMS = ("report", "reproduce")
"""Commands with the short forms of `arguments.py`."""


@dataclass(frozen=True)
class Line:
    """A command and its words.

    Attributes:
        conf: folder of the configuration.
        command: the script's name.
        words: without flags.
        multirun: whether -m was given.
    """

    conf: Path
    command: str
    words: Sequence[str]
    multirun: bool = False

    @cached_property
    def catalogue(self) -> Catalogue:
        """Read only where a word is not plainly right."""
        return catalogue_of(self.conf, self.command)

    def following(self, number: int) -> list[str]:
        """Words without `=` behind a word, which may be the rest of its value."""
        return list(takewhile(self._is_rest, self.words[number + 1 :]))

    def _is_rest(self, word: str) -> bool:
        if not word.strip() or "=" in word or re.match(r"~\w", word):
            return False
        return word.rstrip(":") not in self.catalogue

    def default(self, key: str) -> Any:
        """Of a key; None for a group, or where there is none."""
        return self.catalogue.keys.get(key)

    def takes_list(self, key: str) -> bool:
        """Whether several values of a key are one setting."""
        own = self.command in OWN_FORMS and key in (*LISTS, "dataset")
        return own or isinstance(self.default(key), list) or key in self.catalogue.lists

    def as_list(self, key: str, values: Sequence[str]) -> str:
        """The value of such a key."""
        own = self.command in OWN_FORMS and key in (*LISTS, "dataset")
        return ",".join(values) if own else f"[{','.join(values)}]"

    def are_options(self, key: str, values: Sequence[str]) -> bool:
        """Whether all are options of a group."""
        return bool(values) and set(values) <= set(self.catalogue.groups.get(key, ()))

    def are_values(self, key: str, values: Sequence[str]) -> bool:
        """Whether each could be a value of its own: options, or numbers where one is wanted."""
        number = isinstance(self.default(key), int | float) or key in ("fold", "seed")
        plain = number or (self.takes_list(key) and key not in self.catalogue.lists)
        numbers = plain and bool(values) and all(map(_is_number, values))
        return self.are_options(key, values) or numbers


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", text) is not None
