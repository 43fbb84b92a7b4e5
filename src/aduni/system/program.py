"""How this program was started, where its configuration is, and how to call its commands."""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SCRIPTS = PACKAGE.parent
"""Folder of the scripts in a checkout; an installed package has none."""

_INSTALLED = PACKAGE / "conf"
CONF = _INSTALLED if _INSTALLED.is_dir() else SCRIPTS.parent / "conf"
"""Folder of the configuration: inside an installed package, else at the top of the checkout."""

NAME = "aduni"
"""Name of the console command, which stands before that of a command in `sys.argv[0]`."""


def is_console() -> bool:
    """Tell whether commands are called as `aduni NAME`, and not as `python src/NAME.py`."""
    return sys.argv[0].startswith(f"{NAME} ") or not (SCRIPTS / "train.py").is_file()


def command_text(command: str) -> str:
    """Return what the user types to call a command, without its arguments."""
    return f"{NAME} {command}" if is_console() else f"python src/{command}.py"


def as_called(text: str) -> str:
    """Return a text that names commands as scripts, with each as the user types it."""
    return as_installed(text) if is_console() else text


def as_installed(text: str) -> str:
    """Return a text that names commands as scripts, with each as an installed package has it.

    The files of conf/ and messages write `python src/train.py` or `train.py`.
    """
    return re.sub(r"(?:python src/|(?<![\w/]))(\w+)\.py\b", _as_installed, text)


def _as_installed(script: re.Match[str]) -> str:
    is_command = (PACKAGE / "commands" / f"{script[1]}.py").is_file()
    return f"{NAME} {script[1]}" if is_command else script[0]


def command_words(command: str) -> list[str]:
    """Return the words that start a command as a process of its own, like this one."""
    if is_console():
        return [sys.executable, "-m", NAME, command]
    return [sys.executable, os.path.relpath(SCRIPTS / f"{command}.py")]


def typed_words() -> list[str]:
    """Return the command line of this process as it was typed."""
    if sys.argv[0].startswith(f"{NAME} "):
        return [*sys.argv[0].split(), *sys.argv[1:]]
    return ["python", *sys.argv]


def shortened(words: Sequence[str]) -> str:
    """Return a typed command line without the interpreter and folders, quoted for a shell."""
    first, *rest = words[1:]
    return shlex.join([Path(first).name, *rest])
