"""What is answered before anything is imported: --help, and mistakes in the form of a word."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from aduni.cli.help import help_text
from aduni.cli.mistyped.command_line import Line
from aduni.cli.mistyped.flags import has_flags, read_flags
from aduni.cli.mistyped.overrides import fault_of
from aduni.errors import is_utf8

SRC = Path(__file__).resolve().parents[2]
CONF = SRC.parent / "conf"


def answer_first() -> None:
    """End this process where its command line asks for help or cannot be read.

    Only the commands of this project are concerned: `src/NAME.py` with a `conf/NAME.yaml`.
    """
    script, words = Path(sys.argv[0]), sys.argv[1:]
    if script.resolve().parent != SRC or not (CONF / f"{script.stem}.yaml").is_file():
        return
    if {"-h", "--help"} & set(words):
        try:
            print(help_text(CONF, script.stem, words), end="", flush=True)
        except OSError as error:  # of a full disk
            sys.exit(f"error: {error.filename}: {error.strerror}; free space there.")
        sys.exit(0)
    for word in words:
        if not is_utf8(word):  # which no configuration, log or table could hold
            name = os.fsencode(word).decode(errors="backslashreplace")
            remedy = "give the file or folder another name, or name the folder above it"
            _refuse(f"{name} is not UTF-8; {remedy}", 1)
    line = Line(CONF, script.stem, words)
    if has_flags(words):
        given = read_flags(line)
        if isinstance(given, str):
            _refuse(given, 2)
        if given.shell_completion:
            return
        placed = any(word.startswith("job=") for word in given.overrides)  # by reproduce.py itself
        if given.multirun and line.command == "reproduce" and not placed:
            _refuse("reproduce.py takes no -m, for it starts its runs itself; leave -m out", 2)
        line = Line(CONF, script.stem, given.overrides, given.multirun)
    for number in range(len(line.words)):
        if fault := fault_of(line, number):
            _refuse(fault, 1)


def _refuse(fault: str, status: int) -> NoReturn:
    print(f"error: {fault}.", file=sys.stderr)
    sys.exit(status)
