"""Words `KEY=VALUE` of a command line that Hydra cannot read: what is to be written instead."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from aduni.cli.arguments import hydra_arguments
from aduni.cli.mistyped.bare_words import fault_of_bare, value_for
from aduni.cli.mistyped.command_line import OWN_FORMS, Line
from aduni.cli.mistyped.misread_values import fault_of_reading, several
from aduni.cli.mistyped.quoting import QUOTES, in_shell, override_of, written

CLOSING = {"[": "]", "{": "}", "(": ")"}
DASHES = {ord(dash): "-" for dash in "–—−"}  # noqa: RUF001
WIDE = {ord("，"): ",", ord("；"): ";", ord("、"): ","}  # noqa: RUF001


def fault_of(line: Line, number: int) -> str | None:
    """What is wrong with a word and what to write instead; None for one that is right."""
    word = line.words[number]
    if "=" not in word and not re.match(r"~\w", word):
        return fault_of_bare(line, number)
    if word.startswith("="):
        return f"{word} has no key; write KEY=VALUE without blanks"
    key, _, value = word.partition("=")
    if (rest := line.following(number)) and (remedy := _torn(line, key, value, rest)):
        return f"{' '.join([word, *rest])} cannot be read as one KEY=VALUE; write {remedy}"
    override = override_of(hydra_arguments([word])[0] if line.command in OWN_FORMS else word)
    if override is None:
        return f"{word} cannot be read as KEY=VALUE; write {_readable(line, key, value)}"
    return fault_of_reading(line, override, word)


def _torn(line: Line, key: str, value: str, rest: Sequence[str]) -> str | None:
    """The word that was meant with the words behind it; None where they are no part of it."""
    joined = " ".join([value, *rest])
    pieces = [piece for piece in re.split(r"[\s,;]+", joined) if piece]
    if value == "" and len(rest) == 1:
        return value_for(line, key, rest[0])
    if value[:1] in CLOSING and override_of(f"{key}={joined}"):
        return in_shell(f"{key}={joined}")
    if line.are_values(key, pieces):
        return several(line, key, pieces)
    whole = Path(value).suffix and not any(re.search(r"[./\\]", word) for word in rest)
    if whole or key in line.catalogue.groups or isinstance(line.default(key), int | float):
        return None
    if line.takes_list(key):
        as_list = in_shell(f"{key}={line.as_list(key, pieces)}")
        return f"{written(key, joined)}, or {as_list} for several"
    return written(key, joined)


def _readable(line: Line, key: str, value: str) -> str:
    """What to write for a word that Hydra cannot read."""
    key, text = key.strip(), value.strip()
    if key.rstrip(":") in line.catalogue:
        key, text = key.rstrip(":"), text.lstrip("=>:").strip()  # method==ce, method:=ce
    elif re.search(r"[^\w.@/+~-]", key):  # dataset:root=x
        key = line.catalogue.meant(key) or key
    if text[:1] == "~":
        return written(key, os.path.expanduser(text))
    pieces = [piece for piece in re.split(r"[\s,;|+，；、]+", text) if piece]  # noqa: RUF001
    if len(pieces) > 1 and line.are_values(key, pieces):
        return several(line, key, pieces)
    plain = text.translate(QUOTES)
    if plain != text and plain[:1] == plain[-1:] and plain[0] in "'\"":
        return written(key, plain[1:-1])
    for reading in filter(None, _readings(text)):
        override = override_of(f"{key}={reading}")
        if override is not None and not override.is_sweep_override():
            return in_shell(f"{key}={reading}")
    return written(key, text)


def _readings(text: str) -> Iterator[str]:
    """What a value may have been meant to be, the likeliest first."""
    yield text
    yield text.rstrip(",;")
    if text[:1] in CLOSING:
        yield text + CLOSING[text[0]]
        yield re.sub(r"(\w)\s*=\s*", r"\1: ", text)
    if re.fullmatch(r"\([^()]*,[^()]*\)", text):
        yield f"[{text[1:-1]}]"
    if not re.search(r"[/\\]", text):  # a path's name may have such signs
        yield text.translate(QUOTES | DASHES | WIDE)
