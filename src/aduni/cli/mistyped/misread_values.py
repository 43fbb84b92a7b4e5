"""Words of a command line that Hydra can read, but not as they were meant."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aduni.cli.mistyped.command_line import Line
from aduni.cli.mistyped.quoting import in_shell, quoted, written

RANGE = re.compile(r"\[?\s*(\d+)\s*(?:-|\.{2,3}|:|to)\s*(\d+)\s*\]?")
THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
WINDOWS = re.compile(r"[A-Za-z]:[\\/](?!/)|[A-Z]:[A-Za-z]|\\\\")
"""A drive or a share; a shell takes backslashes away: C:dataisic."""

MAX_RUNS = 100
"""Runs that a range is written out for."""


def fault_of_reading(line: Line, override: Any, word: str) -> str | None:
    """What is wrong with a word and what to write instead; None for one that is right."""
    key, _, value = word.lstrip("+~").partition("=")
    if override.is_delete():
        return _deleted(line, key, word)
    if override.is_sweep_override():
        return None if line.multirun else _sweep(line, key, value, word)
    if _names_group(line, override.key_or_group):
        return _option(line, key, value, override.value(), word)
    rules = (_range, _thousands, _windows)
    return next(filter(None, (rule(line, key, value, word) for rule in rules)), None)


def several(line: Line, key: str, values: Sequence[str]) -> str:
    """What to write for several values of a key."""
    if line.takes_list(key):
        return in_shell(f"{key}={line.as_list(key, values)}")
    if line.command != "train":
        return f"{key}={values[0]}, since {line.command}.py takes one"
    word = f"{key}={','.join(values)}"
    return word if line.multirun else f"{word} and add -m for a run with each"


def _deleted(line: Line, key: str, word: str) -> str | None:
    if _names_group(line, key) or ("." not in key and key in line.catalogue):
        return f"{word} takes away what the command needs, or does not have; leave it out"
    return None


def _sweep(line: Line, key: str, value: str, word: str) -> str | None:
    """Several values without -m."""
    values = value.split(",")
    if len(set(values)) == 1:
        return f"{word} has one value {len(values)} times; write {key}={values[0]}"
    if all(re.fullmatch(r"[^:]+:\s*[\d.]+", part) for part in values):
        return f"{word} is read as several values; write {in_shell(f'{key}={{{value}}}')}"
    if line.takes_list(key):
        as_list = in_shell(f"{key}={line.as_list(key, values)}")
        one = f", or {quoted(key, value)} for one" if key in line.catalogue.lists else ""
        return f"{word} has several values; write {as_list}{one}"
    if re.search(r"[/\\]", value):
        return f"{word} has a comma, which separates values; write {quoted(key, value)}"
    each, default = "add -m for a run with each", line.default(key)
    if isinstance(default, float) and re.fullmatch(r"-?\d+,\d+", value):
        return f"{word} has a comma; write {key}={value.replace(',', '.')}, or {each}"
    if isinstance(default, int) and THOUSANDS.fullmatch(value):
        return f"{word} has a comma; write {key}={value.replace(',', '')}, or {each}"
    if line.command != "train":
        return f"{word} has several values and {line.command}.py takes one; write {key}={values[0]}"
    known = key in line.catalogue.groups or default is not None or "(" in value
    one = "" if known else f", or write {quoted(key, value)} for one text"
    return f"{word} has several values; {each}{one}"


def _names_group(line: Line, key: str) -> bool:
    """Whether Hydra takes a key, without its short form, for a group."""
    return "." not in key and ("/" in key or key == "hydra" or (line.conf / key).is_dir())


def _option(line: Line, key: str, value: str, read: Any, word: str) -> str | None:
    """A group takes the name of one of its options; whether it exists, Hydra says."""
    if isinstance(read, str) and re.fullmatch(r"\w+", value):
        return None
    options = line.catalogue.groups.get(key)
    if options is None and not (line.conf / key).is_dir():
        named = isinstance(read, str) and value
        return None if named else f"{word} names no option; leave it out, or name one"
    if options is None:
        near = line.catalogue.near(f"{key}s") or line.catalogue.near(key)
        return f"{key} is no key of {line.command}.py; write {near or 'KEY'}={value}"
    text = value.strip("\"'[]() ")
    pieces = [piece for piece in re.split(r"[\s,;|+&]+", text) if piece]
    if len(pieces) > 1 and line.are_options(key, pieces):
        return f"{word} is not one option; write {several(line, key, pieces)}"
    name = Path(text).name.removesuffix(".yaml")
    if name in options:
        right = read == name
        return None if right else f"{word} is no name of an option; write {key}={name}"
    one_of = f"choose one of {', '.join(options)}"
    if key == "dataset" and re.search(r"[/\\]", text):
        path = written("dataset.root", text)
        return f"{word} is no kind of data set but a path; write dataset=folder {path}, or {one_of}"
    if not isinstance(read, str) or not value:
        return f"{word} names no option; {one_of}, or leave {key}= out"
    return None


def _range(line: Line, key: str, value: str, word: str) -> str | None:
    """`fold=0-4`, and `seed=1 2 3` in quotes."""
    text = value.strip("\"'")
    if square := re.fullmatch(r"(\d+)\s*[x*]\s*\1", text):
        return f"{word} is not one number; write {key}={square[1]}"
    numbers = text.split()
    if ends := RANGE.fullmatch(text):
        first, last = int(ends[1]), int(ends[2])
        numbers = [str(number) for number in range(first, min(last, first + MAX_RUNS) + 1)]
    if len(numbers) < 2 or not line.are_values(key, numbers):
        return None
    return f"{word} is not one number; write {several(line, key, numbers)}"


def _thousands(line: Line, key: str, value: str, word: str) -> str | None:
    """`epochs=1.000` would be one epoch."""
    if not THOUSANDS.fullmatch(value) or not isinstance(line.default(key), int):
        return None
    whole, few = value.replace(".", ""), value.split(".")[0]
    return f"{word} may be {few} or {whole}; write {key}={few} or {key}={whole}"


def _windows(line: Line, key: str, value: str, word: str) -> str | None:
    path = value.strip("\"'")
    if os.name == "nt" or not WINDOWS.match(path) or Path(path).exists():
        return None
    drive, _, rest = path.replace("\\", "/").partition(":")
    mounted = f"/mnt/{drive.lower()}{rest}"
    example = f", in WSL {written(key, mounted)}" if rest[:1] == "/" else ""
    return f"{word} is a path of Windows; write the path that it has on this system{example}"
