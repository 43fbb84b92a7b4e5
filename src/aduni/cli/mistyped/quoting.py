"""Quote KEY=VALUE arguments for Hydra's grammar and for a shell."""

import re
import shlex
from typing import Any

QUOTES = dict.fromkeys(map(ord, "“”„‟″«»"), '"') | dict.fromkeys(map(ord, "‘’‚‛′"), "'")  # noqa: RUF001
"""Typographic quotes, which word processors insert, and the straight ones."""


def parse_override(arg: str) -> Any:
    """Return the override that Hydra reads in an argument, or None if it is malformed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # slow to import
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(arg)
    except HydraException:
        return None


def to_argument(key: str, value: str) -> str:
    """Return the shell word that sets a key to this text, with inner quotes only if needed."""
    override = parse_override(f"{key}={value}")
    parsed = override and (override.is_sweep_override() or override.value())
    if parsed is None or parsed is True or (isinstance(parsed, str) and parsed != value):
        return to_quoted_argument(key, value)
    return quote_for_shell(f"{key}={value}")


def to_quoted_argument(key: str, value: str) -> str:
    """Return the shell word that sets a key to this text, with inner quotes in any case."""
    escaped = re.sub(r'(\\*)"', r"\1\1\"", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return quote_for_shell(f'{key}="{escaped}"')


def strip_to_argument(key: str, value: str) -> str:
    """Return the shell word for a value without surrounding blanks, commas and semicolons."""
    return to_argument(key, value.strip().strip(",;"))


def quote_for_shell(text: str) -> str:
    """Quote as `shlex.quote` does, but readably if the text contains single quotes."""
    if "'" in text and not set("$`\\!") & set(text):
        escaped = text.replace('"', '\\"')
        return f'"{escaped}"'
    return shlex.quote(text)
