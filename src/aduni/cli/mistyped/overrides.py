"""Arguments KEY=VALUE: what is wrong with one, and what to write instead."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from aduni.cli.arguments import hydra_arguments
from aduni.cli.mistyped.bare_words import check_bare_word
from aduni.cli.mistyped.command_line import SHORT_FORM_COMMANDS, CommandLine
from aduni.cli.mistyped.keys_of_train import find_key_of_train
from aduni.cli.mistyped.misread_values import check_value, suggest_several
from aduni.cli.mistyped.quoting import (
    QUOTES,
    parse_override,
    quote_for_shell,
    strip_to_argument,
    to_argument,
)

BRACKETS = {"[": "]", "{": "}", "(": ")"}
ASCII = QUOTES | str.maketrans("–—−，；、", "---,;,")  # noqa: RUF001
"""Characters of word processors and input methods, and what they stand for."""


def find_mistake(line: CommandLine, index: int) -> str | None:
    """Return what is wrong with an argument and what to write instead, or None if it is right."""
    arg = line.args[index]
    key, equals, value = arg.partition("=")
    if not equals and not re.match(r"~\w", arg):
        return check_bare_word(line, index)
    if not key:
        return f"{arg} has no key; write KEY=VALUE without blanks"
    if (rest := line.rest_of_value(index)) and (remedy := _join(line, key, value, rest)):
        return f"{' '.join([arg, *rest])} cannot be read as one KEY=VALUE; write {remedy}"
    if place := find_key_of_train(line, key, value):
        return f"{arg}{place}"
    has_short_forms = line.command in SHORT_FORM_COMMANDS
    override = parse_override(hydra_arguments([arg])[0] if has_short_forms else arg)
    if override is None:
        return f"{arg} cannot be read as KEY=VALUE; write {_repair(line, key, value)}"
    return check_value(line, override, arg)


def _join(line: CommandLine, key: str, value: str, rest: Sequence[str]) -> str | None:
    """Suggest one argument for a value and the arguments after it; None if they are unrelated."""
    joined = " ".join([value, *rest])
    parts = [part for part in re.split(r"[\s,;]+", joined) if part]
    if value == "" and len(rest) == 1:
        return strip_to_argument(key, rest[0])
    if value[:1] in BRACKETS and parse_override(f"{key}={joined}"):
        return quote_for_shell(f"{key}={joined}")
    if line.are_values(key, parts):
        return suggest_several(line, key, parts)
    is_complete = Path(value).suffix and not any(re.search(r"[./\\]", arg) for arg in rest)
    if is_complete or key in line.catalogue.groups or isinstance(line.default(key), int | float):
        return None
    several = f", or {line.list_argument(key, parts)} for several" if line.takes_list(key) else ""
    return f"{to_argument(key, joined)}{several}"


def _repair(line: CommandLine, key: str, value: str) -> str:
    """Suggest what to write for an argument that Hydra cannot read."""
    key, text = key.strip(), value.strip()
    if key.rstrip(":") in line.catalogue:
        key, text = key.rstrip(":"), text.lstrip("=>:").strip()  # method==ce, method:=ce
    elif re.search(r"[^\w.@/+~-]", key):  # dataset:root=x
        key = line.catalogue.resolve(key) or key
    if text[:1] == "~":
        return to_argument(key, os.path.expanduser(text))
    parts = [part for part in re.split(r"[\s,;|+，；、]+", text) if part]  # noqa: RUF001
    if len(parts) > 1 and line.are_values(key, parts):
        return suggest_several(line, key, parts)
    straight = text.translate(QUOTES)
    if straight != text and straight[:1] == straight[-1:] and straight[0] in "'\"":
        return to_argument(key, straight[1:-1])
    for candidate in filter(None, _candidates(text)):
        override = parse_override(f"{key}={candidate}")
        if override is not None and not override.is_sweep_override():
            return quote_for_shell(f"{key}={candidate}")
    return to_argument(key, text)


def _candidates(text: str) -> Iterator[str]:
    """Yield values that may be meant by a malformed one, the likeliest first."""
    yield text
    yield text.rstrip(",;")
    if text[:1] in BRACKETS:
        yield text + BRACKETS[text[0]]
    if text[:1] == "[":
        yield re.sub(r"[^][,'\" ]+=[^][,'\"]*", r"'\g<0>'", text)  # a list of KEY=VALUE
    if text[:1] == "{":
        yield re.sub(r"(\w)\s*=\s*", r"\1: ", text)
    if re.fullmatch(r"\([^()]*,[^()]*\)", text):
        yield f"[{text[1:-1]}]"
    if not re.search(r"[/\\]", text):  # the name of a path may contain such characters
        yield text.translate(ASCII)
