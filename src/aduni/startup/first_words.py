"""A command's --help, and flags that it does not have: answered before anything is imported."""

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from aduni.errors import did_you_mean
from aduni.startup.help import help_text

SRC = Path(__file__).resolve().parents[2]
CONF = SRC.parent / "conf"


def answer_first() -> None:
    """End this process where its command line asks for help or has an unknown flag.

    Only the commands of this project are concerned: `src/NAME.py` with a `conf/NAME.yaml`.
    """
    script, words = Path(sys.argv[0]), sys.argv[1:]
    if script.resolve().parent != SRC or not (CONF / f"{script.stem}.yaml").is_file():
        return
    if {"-h", "--help"} & set(words):
        print(help_text(CONF, script.stem, words), end="")
        sys.exit(0)
    if any(word.startswith("-") for word in words):
        _check_flags(words)


def _check_flags(words: Sequence[str]) -> None:
    from hydra._internal.utils import get_args_parser  # not where there are no flags

    parser, usage = get_args_parser(), io.StringIO()
    try:
        with contextlib.redirect_stderr(usage):
            _, unknown = parser.parse_known_args(list(words))
    except SystemExit as stop:
        if stop.code:
            _refuse(usage.getvalue().splitlines()[-1].partition("error: ")[2])
        raise
    for word in unknown:
        if not word.startswith("-"):
            _refuse(f"{word} cannot stand behind a flag that has keys before it; put flags first")
        flag = word.partition("=")[0]
        known = {"--help", *re.findall(r"--[a-z-]+", parser.format_usage())}
        _refuse(f"{flag} is no known flag{did_you_mean(flag, sorted(known))}")


def _refuse(reason: str) -> NoReturn:
    print(f"error: {reason}; --help has a list.", file=sys.stderr)
    sys.exit(2)
