"""Answer --help and typing mistakes before the slow imports."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from aduni.cli.help import help_text
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.first_mistake import first_mistake
from aduni.cli.mistyped.flags import DASHES, read_flags
from aduni.errors import is_utf8
from aduni.system.program import CONF, as_called


def answer_first(command: str, args: Sequence[str]) -> None:
    """Print the help and exit, or exit with a sentence if the command line has a mistake."""
    if {"-h", "--help"} & set(args):
        try:
            print(help_text(CONF, command, args), end="", flush=True)
        except OSError as error:  # the disk is full
            sys.exit(f"error: {error.filename}: {error.strerror}; free space there.")
        sys.exit(0)
    for arg in args:
        if not is_utf8(arg):  # no configuration, log or table could contain it
            name = os.fsencode(arg).decode(errors="backslashreplace")
            remedy = "give the file or folder another name, or name the folder above it"
            _refuse(f"{name} is not UTF-8; {remedy}", 1)
    line = CommandLine(CONF, command, args)
    if any(arg.startswith(DASHES) for arg in args):
        flags = read_flags(line)
        if isinstance(flags, str):
            _refuse(flags, 2)
        if flags.shell_completion:
            return
        # reproduce.py starts its jobs as a multirun of itself.
        is_job = any(arg.startswith("job=") for arg in flags.overrides)
        if flags.multirun and line.command == "reproduce" and not is_job:
            _refuse("reproduce.py takes no -m, for it starts its runs itself; leave -m out", 2)
        line = CommandLine(CONF, command, flags.overrides, flags.multirun)
    if mistake := first_mistake(line):
        _refuse(mistake, 1)


def _refuse(mistake: str, status: int) -> NoReturn:
    print(f"error: {as_called(mistake)}.", file=sys.stderr)
    sys.exit(status)
