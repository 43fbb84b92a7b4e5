"""Unknown flags: most of them are keys with dashes before them."""

import contextlib
import io
import re
from argparse import ArgumentParser, Namespace

from aduni.cli.arguments import ALIASES
from aduni.cli.mistyped.bare_words import HELP, suggest_value
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.keys_of_train import find_key_of_train
from aduni.cli.mistyped.quoting import strip_to_argument
from aduni.errors import did_you_mean

DASHES = tuple("-–—−‐‑")  # noqa: RUF001
"""Beginnings of flags; word processors replace hyphens by longer dashes."""

SEE_HELP = "; --help has a list"


def read_flags(line: CommandLine) -> Namespace | str:
    """Return what Hydra's argument parser reads, or what is wrong with a flag."""
    from hydra._internal.utils import get_args_parser  # slow to import

    parser, usage = get_args_parser(), io.StringIO()
    actions = parser._option_string_actions
    previous = ""
    for arg in line.args:
        is_value = previous in actions and actions[previous].nargs is None
        if not is_value and (mistake := _check_dashes(line, arg, parser)):
            return mistake
        previous = arg
    try:
        with contextlib.redirect_stderr(usage):
            flags, unknown = parser.parse_known_args(list(line.args))
    except SystemExit as stop:
        if not stop.code:
            raise
        message = usage.getvalue().splitlines()[-1].partition("error: ")[2]
        files = [arg for arg in line.args if arg.endswith((".yaml", ".yml", ".json"))]
        if files and ("--config" in message or "--cfg" in message):
            return f"{files[0]} cannot be given, for no file of settings is read; write KEY=VALUE"
        return f"{message}{SEE_HELP}"
    if flag := next((arg for arg in unknown if arg.startswith("-")), None):
        return _unknown(line, flag, parser)
    if unknown:
        misplaced = "cannot stand behind a flag that has keys before it; put flags first"
        return f"{unknown[0]} {misplaced}{SEE_HELP}"
    return flags


def _check_dashes(line: CommandLine, arg: str, parser: ArgumentParser) -> str | None:
    """Reject long dashes, and one dash before a name: argparse reads -multirun as -m ultirun."""
    if not arg.startswith(DASHES):
        return None
    name, equals, value = arg.lstrip("".join(DASHES)).partition("=")
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    if name.lower() in ("h", *HELP):
        return f"{arg} is not a known flag; write --help"
    if flag == "-m" and equals:
        return f"{arg} is not a known flag; write -m and {value} as two words"
    known = parser._option_string_actions
    if arg.partition("=")[0] in known or re.match(r"--\w", arg):  # argparse takes abbreviations
        return None
    return (
        f"{arg} is not a known flag; write {flag}" if flag in known else _unknown(line, arg, parser)
    )


def _unknown(line: CommandLine, arg: str, parser: ArgumentParser) -> str:
    """Suggest a key, an option of a group or a flag for a flag that does not exist."""
    flag, equals, value = arg.partition("=")
    name = flag.lstrip("".join(DASHES))
    if not equals:
        value = next(iter(line.rest_of_value(list(line.args).index(arg))), "")
    known = {"--help", *re.findall(r"--[a-z-]+", parser.format_usage())}
    hint = did_you_mean(flag, sorted(known))
    remedy = f"{hint}{SEE_HELP}"
    find_key = line.catalogue.resolve if hint else line.catalogue.closest
    if name in ALIASES and line.command == "reproduce":
        remedy = f"; write {name}"
    elif place := find_key_of_train(line, name, value):
        return f"{flag}{place}"
    elif key := find_key(name):
        right = f"; write {strip_to_argument(key, value)}" if value else suggest_value(line, key)
        remedy = f", and keys have no dashes{right}"
    elif group := line.catalogue.group_with(name):
        remedy = f"; write {group}={name}"
    return f"{flag} is not a known flag{remedy}"
