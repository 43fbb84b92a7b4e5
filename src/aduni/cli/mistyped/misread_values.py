"""Arguments that Hydra can read, but not as their author meant them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aduni.cli.arguments import DATA_COMMANDS
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.quoting import quote_for_shell, to_argument, to_quoted_argument
from aduni.data.shard import read_shard

RANGE = re.compile(r"\[?\s*(\d+)\s*(?:-|\.{2,3}|:|to)\s*(\d+)\s*\]?")
THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/](?!/)|[A-Z]:[A-Za-z]|\\\\")
"""A drive or a share. C:dataisic is what a POSIX shell leaves of C:\\data\\isic."""

MAX_RANGE = 100
"""Numbers that a range is written out for."""


def check_value(line: CommandLine, override: Any, arg: str) -> str | None:
    """Return what is wrong with an argument that Hydra reads as `override`, or None."""
    key, _, value = arg.lstrip("+~").partition("=")
    if key == "shard" and key in line.catalogue:
        fault = _check_shard(line, value)
    elif override.is_delete():
        needed = _is_group(line, key) or ("." not in key and key in line.catalogue)
        fault = "takes away what the command needs, or does not have; leave it out" * needed
    elif override.is_sweep_override():
        fault = "" if line.multirun else _check_sweep(line, key, value)
    elif _is_group(line, override.key_or_group):
        parsed = override.value()
        several = isinstance(parsed, list) and line.takes_list(key)
        names = parsed if several else [value] if isinstance(parsed, str) else []
        if names and all(re.fullmatch(r"\w+", str(name)) for name in names):
            return None  # Hydra tells whether the options exist
        is_of_another = key not in line.catalogue.groups and (line.conf / key).is_dir()
        if is_of_another and key != "hydra":
            near = line.catalogue.closest(f"{key}s") or line.catalogue.closest(key)
            return f"{key} is not a key of {line.command}.py; write {near or 'KEY'}={value}"
        fault = _check_option(line, key, value, parsed)
    else:
        rules = (_check_range, _check_thousands, _check_windows_path)
        fault = next(filter(None, (rule(line, key, value) for rule in rules)), "")
    return f"{arg} {fault}" if fault else None


def suggest_several(line: CommandLine, key: str, values: Sequence[str]) -> str:
    """Suggest what to write for several values of a key."""
    if line.takes_list(key):
        return line.list_argument(key, values)
    if line.command != "train":
        return f"{key}={values[0]}, since {line.command}.py takes one"
    sweep = f"{key}={','.join(values)}"
    return sweep if line.multirun else f"{sweep} and add -m for a run with each"


def _check_shard(line: CommandLine, value: str) -> str:
    values = [value] if value == "null" else value.split(",")
    try:
        for part in values:
            read_shard(None if value == "null" else part.strip())
    except ValueError as error:
        return str(error)
    several = len(values) > 1 and not line.multirun
    return "names several shards; add -m for a job with each" if several else ""


def _check_sweep(line: CommandLine, key: str, value: str) -> str:
    """Handle several values without -m."""
    values = value.split(",")
    if len(set(values)) == 1:
        return f"has one value {len(values)} times; write {key}={values[0]}"
    if all(re.fullmatch(r"[^:]+:\s*[\d.]+", part) for part in values):
        return f"is read as several values; write {quote_for_shell(f'{key}={{{value}}}')}"
    one_text = to_quoted_argument(key, value)
    if line.takes_list(key):
        one = f", or {one_text} for one" if key in line.catalogue.lists else ""
        return f"has several values; write {line.list_argument(key, values)}{one}"
    if re.search(r"[/\\]", value):
        return f"has a comma, which separates values; write {one_text}"
    add_m, default = "add -m for a run with each", line.default(key)
    if isinstance(default, float) and re.fullmatch(r"-?\d+,\d+", value):
        return f"has a comma; write {key}={value.replace(',', '.')}, or {add_m}"
    if isinstance(default, int) and THOUSANDS.fullmatch(value):
        return f"has a comma; write {key}={value.replace(',', '')}, or {add_m}"
    if line.command != "train":
        return f"has several values and {line.command}.py takes one; write {key}={values[0]}"
    is_known = key in line.catalogue.groups or default is not None or "(" in value
    one = "" if is_known else f", or write {one_text} for one text"
    return f"has several values; {add_m}{one}"


def _is_group(line: CommandLine, key: str) -> bool:
    """Tell whether Hydra takes a key for a group."""
    return "." not in key and ("/" in key or key == "hydra" or (line.conf / key).is_dir())


def _check_option(line: CommandLine, key: str, value: str, parsed: Any) -> str:
    """Handle values of a group that are not the plain name of an option."""
    options = line.catalogue.groups.get(key)
    is_text = isinstance(parsed, str) and value
    if options is None:
        return "" if is_text else "names no option; leave it out, or name one"
    text = value.strip("\"'[]() ")
    parts = [part for part in re.split(r"[\s,;|+&]+", text) if part]
    if len(parts) > 1 and line.are_options(key, parts):
        return f"is not one option; write {suggest_several(line, key, parts)}"
    name = Path(text).name.removesuffix(".yaml")
    if name in options:
        return "" if parsed == name else f"is not a name of an option; write {key}={name}"
    choose = f"choose one of {', '.join(options)}"
    if key == "dataset" and re.search(r"[/\\]", text):
        takes_data = line.command in DATA_COMMANDS
        path = to_argument("data" if takes_data else "dataset.root", text)
        short = "" if takes_data else "dataset=folder "
        return f"is no kind of data set but a path; write {short}{path}, or {choose}"
    return "" if is_text else f"names no option; {choose}, or leave {key}= out"


def _check_range(line: CommandLine, key: str, value: str) -> str:
    """Handle `image_size=64x64`, `fold=0-4`, and `seed=1 2 3` in quotes."""
    text = value.strip("\"'")
    if square := re.fullmatch(r"(\d+)\s*[x*]\s*\1", text):
        return f"is not one number; write {key}={square[1]}"
    numbers = text.split()
    if ends := RANGE.fullmatch(text):
        first, last = int(ends[1]), int(ends[2])
        numbers = [str(number) for number in range(first, min(last, first + MAX_RANGE) + 1)]
    if len(numbers) < 2 or not line.are_values(key, numbers):
        return ""
    return f"is not one number; write {suggest_several(line, key, numbers)}"


def _check_thousands(line: CommandLine, key: str, value: str) -> str:
    """Handle `epochs=1.000`, which would be one epoch."""
    if not THOUSANDS.fullmatch(value) or not isinstance(line.default(key), int):
        return ""
    large, small = value.replace(".", ""), value.split(".")[0]
    return f"may be {small} or {large}; write {key}={small} or {key}={large}"


def _check_windows_path(line: CommandLine, key: str, value: str) -> str:
    path = value.strip("\"'")
    if os.name == "nt" or not WINDOWS_PATH.match(path) or Path(path).exists():
        return ""
    drive, _, rest = path.replace("\\", "/").partition(":")
    mounted = to_argument(key, f"/mnt/{drive.lower()}{rest}")
    example = f", in WSL {mounted}" if rest.startswith("/") else ""
    return f"is a path of Windows; write the path that it has on this system{example}"
