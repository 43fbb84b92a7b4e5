"""Words of a command line that have no `=`: what is to be written instead."""

import os
import re
import unicodedata
from difflib import get_close_matches
from pathlib import Path

from aduni.cli.arguments import WORDS
from aduni.cli.mistyped.command_line import Line
from aduni.cli.mistyped.quoting import written

HELP = ("help", "usage", "?", "/?", "-?", "h", "man", "commands", "list", "-help")
FLAGS = {"m": "-m", "multirun": "-m"}


def fault_of_bare(line: Line, number: int) -> str | None:
    """What is wrong with a word without `=` and what to write; None for one that is right."""
    word = line.words[number]
    if line.command == "reproduce" and word in WORDS:
        return None
    rules = (_with_next, _as_other_signs, _own, _key, _option, _begins, _path, _near)
    remedies = (rule(line, number, word) for rule in rules)
    remedy = next(filter(None, remedies), "; leave it out, or see --help for the keys")
    return f"{word.strip() or 'An empty word'} cannot be read as KEY=VALUE{remedy}"


def value_for(line: Line, key: str, value: str) -> str:
    """The word for a key of a value that stands beside it."""
    value = value.strip().strip(",;")
    return written(key, value)


def without_value(line: Line, key: str) -> str:
    """The word for a key that stands alone."""
    if isinstance(line.default(key), bool):
        return f"; write {key}=true"
    if key in line.catalogue.groups:
        return f"; write {key}=NAME with one of {', '.join(line.catalogue.groups[key])}"
    return f"; write {key}=VALUE"


def _with_next(line: Line, number: int, word: str) -> str | None:
    """`method = ce`, `method ce`, `method: ce` as two or three words."""
    key = line.catalogue.meant(word.rstrip(":"))
    rest = list(line.words[number + 1 : number + 3])
    if key is None or not rest:
        return None
    if rest[0].startswith("="):
        value = rest[0].lstrip("=") or (rest[1] if len(rest) > 1 else "")
    else:
        is_value = "=" not in rest[0] and rest[0].rstrip(":") not in line.catalogue
        value = rest[0] if is_value else ""
    return f"; write {value_for(line, key, value)}" if value else None


def _as_other_signs(line: Line, number: int, word: str) -> str | None:
    """Full-width signs of an input method."""
    plain = unicodedata.normalize("NFKC", word)
    key, equals, value = plain.partition("=")
    return f"; write {written(key, value)}" if equals and key in line.catalogue else None


def _own(line: Line, number: int, word: str) -> str | None:
    if word.lower() in HELP:
        return "; write --help"
    if (line.conf / f"{Path(word).stem}.yaml").is_file() and word not in line.catalogue:
        return "; leave it out"  # the name of a command
    if word.lower() in FLAGS:
        return f"; write {FLAGS[word.lower()]}"
    near = get_close_matches(word.lower(), WORDS, n=1) if line.command == "reproduce" else []
    if near:
        return f" (did you mean {near[0]}?); write {near[0]}"
    return None


def _key(line: Line, number: int, word: str) -> str | None:
    key = line.catalogue.meant(word.rstrip(":"))
    return without_value(line, key) if key else None


def _option(line: Line, number: int, word: str) -> str | None:
    name = word.removesuffix(".yaml").lower()
    group = line.catalogue.group_with(name)
    return f"; write {group}={name}" if group else None


def _begins(line: Line, number: int, word: str) -> str | None:
    """`method: ce`, `method:ce`, `methodce`, `epochs3`, `dataset.root /x` as one word."""
    key = line.catalogue.begins(word)
    if key is None:
        return None
    rest = word[len(key) :]
    value = re.sub(r"^[\s:=>-]+", "", rest)
    if line.are_options(key, [value]) or (value and (value != rest or value[0].isdigit())):
        return f"; write {value_for(line, key, value)}"
    return None


def _path(line: Line, number: int, word: str) -> str | None:
    suffix = Path(word).suffix
    if suffix in (".yaml", ".yml", ".json", ".toml"):
        return "; write the settings themselves as KEY=VALUE, since no file of them is read"
    if suffix == ".py" or not word.strip() or not ("/" in word or suffix or Path(word).exists()):
        return None
    keys = ("ckpt",) if suffix in (".ckpt", ".safetensors") else ("runs", "images", "dataset.root")
    key = next((key for key in keys if key in line.catalogue), None)
    return f"; write {written(key, os.path.expanduser(word))}" if key else None


def _near(line: Line, number: int, word: str) -> str | None:
    key = line.catalogue.near(word)
    return f" (did you mean {key}?); write {key}=VALUE" if key else None
