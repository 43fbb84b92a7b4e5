"""A key and a value as Hydra's grammar and a shell take them."""

import re
import shlex
from typing import Any

QUOTES = dict.fromkeys(map(ord, "“”„‟″«»"), '"') | dict.fromkeys(map(ord, "‘’‚‛′"), "'")  # noqa: RUF001
"""What a word processor makes of straight quotes."""


def override_of(word: str) -> Any:
    """What Hydra reads in a word, None where it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # not for --help
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def written(key: str, value: str) -> str:
    """The word that gives a key this text, to be typed in a shell.

    The value has quotes of its own only where Hydra would not read it as it is.
    """
    word = f"{key}={value}"
    override = override_of(word)
    read = override and (override.is_sweep_override() or override.value())
    if read is None or read is True or (isinstance(read, str) and read != value):
        word = f"{key}={_quoted(value)}"
    return in_shell(word)


def quoted(key: str, value: str) -> str:
    """As `written`, the value in quotes in any case."""
    return in_shell(f"{key}={_quoted(value)}")


def in_shell(word: str) -> str:
    """A word as it is typed; readable where it has single quotes."""
    if "'" in word and not set("$`\\!") & set(word):
        escaped = word.replace('"', '\\"')
        return f'"{escaped}"'
    return shlex.quote(word)


def _quoted(value: str) -> str:
    escaped = re.sub(r'(\\*)"', r"\1\1\"", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'
