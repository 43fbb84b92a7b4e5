"""Flags that a command does not have: most are keys with dashes before them."""

import contextlib
import io
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable

from aduni.cli.arguments import WORDS
from aduni.cli.mistyped.bare_words import HELP, value_for, without_value
from aduni.cli.mistyped.command_line import Line
from aduni.errors import did_you_mean

DASHES = tuple("-–—−‐‑")  # noqa: RUF001
"""What flags begin with; a word processor makes long ones."""

SEE = "; --help has a list"


def has_flags(words: Iterable[str]) -> bool:
    """Whether any word is one."""
    return any(word.startswith(DASHES) for word in words)


def read_flags(line: Line) -> Namespace | str:
    """What Hydra reads in the words, or what is wrong with a flag among them."""
    from hydra._internal.utils import get_args_parser  # not where there are no flags

    parser, usage = get_args_parser(), io.StringIO()
    for number, word in enumerate(line.words):
        if fault := _other_dashes(line, number, word, parser):
            return fault
    try:
        with contextlib.redirect_stderr(usage):
            given, unknown = parser.parse_known_args(list(line.words))
    except SystemExit as stop:
        if not stop.code:
            raise
        return _of_parser(line, usage.getvalue().splitlines()[-1].partition("error: ")[2])
    for word in unknown:
        if word.startswith("-"):
            return _unknown(line, word, parser)
    for word in unknown:
        return f"{word} cannot stand behind a flag that has keys before it; put flags first{SEE}"
    return given


def _other_dashes(line: Line, number: int, word: str, parser: ArgumentParser) -> str | None:
    """Long dashes, and a single one before a name: argparse takes -multirun for -m with a value."""
    if not word.startswith(DASHES) or (number and line.words[number - 1] in _with_values(parser)):
        return None
    name, equals, value = word.lstrip("".join(DASHES)).partition("=")
    right = f"-{name}" if len(name) == 1 else f"--{name}"
    if name.lower() in ("h", *HELP):
        return f"{word} is no known flag; write --help"
    if right == "-m" and equals:
        return f"{word} is no known flag; write -m and {value} as two words"
    known = parser._option_string_actions
    typed = word.partition("=")[0]
    if typed in known or re.match(r"--\w", typed):  # argparse takes beginnings of long ones
        return None
    if right in known:
        return f"{word} is no known flag; write {right}"
    return _unknown(line, word, parser)


def _with_values(parser: ArgumentParser) -> set[str]:
    actions = parser._option_string_actions
    return {name for name, action in actions.items() if action.nargs is None}


def _of_parser(line: Line, message: str) -> str:
    """A complaint of argparse's."""
    named = [word for word in line.words if word.endswith((".yaml", ".yml", ".json"))]
    if named and ("--config" in message or "--cfg" in message):
        return f"{named[0]} cannot be given, for no file of settings is read; write KEY=VALUE"
    return f"{message}{SEE}"


def _unknown(line: Line, word: str, parser: ArgumentParser) -> str:
    """A flag that is none: a key, an option of a group, or mistyped."""
    flag, equals, value = word.partition("=")
    name = flag.lstrip("".join(DASHES))
    number = list(line.words).index(word)
    if not equals:
        value = next(iter(line.following(number)), "")
    if name in WORDS and line.command == "reproduce":
        return f"{flag} is no known flag; write {name}"
    known = {"--help", *re.findall(r"--[a-z-]+", parser.format_usage())}
    hint = did_you_mean(flag, sorted(known))
    if key := line.catalogue.meant(name) or (line.catalogue.near(name) if not hint else None):
        right = f"; write {value_for(line, key, value)}" if value else without_value(line, key)
        return f"{flag} is no known flag, and keys have no dashes{right}"
    if group := line.catalogue.group_with(name):
        return f"{flag} is no known flag; write {group}={name}"
    return f"{flag} is no known flag{hint}{SEE}"
