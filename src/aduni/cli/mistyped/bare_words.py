"""Arguments without `=`: suggest what to write instead."""

import os
import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from aduni.cli.arguments import ALIASES
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.keys_of_train import find_key_of_train, words_for_images
from aduni.cli.mistyped.quoting import strip_to_argument, to_argument

HELP = ("help", "usage", "?", "/?", "-?", "h", "man", "commands", "list", "-help")


def check_bare_word(line: CommandLine, index: int) -> str | None:
    """Return what is wrong with an argument without `=`, or None if it is a short form."""
    arg = line.args[index]
    if line.command == "reproduce" and arg in ALIASES:
        return None
    rest = line.args[index + 1 : index + 3]
    key = arg.rstrip(":")
    if place := find_key_of_train(line, key, _value_after(line, rest)):
        return f"{key}{place}"
    rules = (_other_characters, _program_word, _option, _joined, _path, _similar)
    remedy = _separated(line, key, rest) or next(
        filter(None, (rule(line, arg) for rule in rules)),
        "; leave it out, or see --help for the keys",
    )
    return f"{arg.strip() or 'An empty word'} cannot be read as KEY=VALUE{remedy}"


def suggest_value(line: CommandLine, key: str) -> str:
    """Suggest what to write for a key that was given without a value."""
    if isinstance(line.default(key), bool):
        return f"; write {key}=true"
    if key in line.catalogue.groups:
        return f"; write {key}=NAME with one of {', '.join(line.catalogue.groups[key])}"
    return f"; write {key}=VALUE"


def _separated(line: CommandLine, name: str, rest: Sequence[str]) -> str | None:
    """Handle `method = ce`, `method ce` and `method: ce` as several arguments, and `method`."""
    key = line.catalogue.resolve(name)
    if key is None:
        return None
    value = _value_after(line, rest)
    return f"; write {strip_to_argument(key, value)}" if value else suggest_value(line, key)


def _value_after(line: CommandLine, rest: Sequence[str]) -> str:
    """Return the value in the two arguments after a key, empty if they are other arguments."""
    if rest and rest[0].startswith("="):
        return rest[0].lstrip("=") or "".join(rest[1:])
    if rest and "=" not in rest[0] and rest[0].rstrip(":") not in line.catalogue:
        return rest[0]
    return ""


def _other_characters(line: CommandLine, arg: str) -> str | None:
    """Handle the full-width characters of an input method."""
    key, equals, value = unicodedata.normalize("NFKC", arg).partition("=")
    return f"; write {to_argument(key, value)}" if equals and key in line.catalogue else None


def _program_word(line: CommandLine, arg: str) -> str | None:
    """Handle a request for help, the name of a command, -m without its dash, and `status`."""
    word = arg.lower()
    if word in HELP:
        return "; write --help"
    if (line.conf / f"{Path(arg).stem}.yaml").is_file():
        return "; leave it out"
    if word in ("m", "multirun"):
        return "; write -m"
    if line.command == "reproduce" and (near := get_close_matches(word, ALIASES, n=1)):
        return f" (did you mean {near[0]}?); write {near[0]}"
    return None


def _option(line: CommandLine, arg: str) -> str | None:
    name = arg.removesuffix(".yaml").lower()
    group = line.catalogue.group_with(name)
    return f"; write {group}={name}" if group else None


def _joined(line: CommandLine, arg: str) -> str | None:
    """Handle `method: ce`, `method:ce`, `methodce` and `dataset.root /x` as one argument."""
    key = line.catalogue.longest_prefix(arg)
    if key is None or Path(arg).exists():
        return None
    rest = arg[len(key) :]
    value = re.sub(r"^[\s:=>-]+", "", rest)
    if line.are_options(key, [value]) or (value and (value != rest or value[0].isdigit())):
        return f"; write {strip_to_argument(key, value)}"
    return None


def _path(line: CommandLine, arg: str) -> str | None:
    suffix = Path(arg).suffix
    if suffix in (".yaml", ".yml", ".json", ".toml"):
        return "; write the settings themselves as KEY=VALUE, since no file of them is read"
    if suffix == ".py" or not arg.strip() or not ("/" in arg or suffix or Path(arg).exists()):
        return None
    path = os.path.expanduser(arg)
    if line.command == "reproduce":
        return f"; write {words_for_images(path)}"
    key = next((key for key in _keys_for(line, Path(path)) if key in line.catalogue), None)
    return f"; write {to_argument(key, path)}" if key else None


def _keys_for(line: CommandLine, path: Path) -> Sequence[str]:
    """Return the keys that a path may be the value of, the likeliest first."""
    if path.suffix in (".ckpt", ".safetensors") or (path / "checkpoints").is_dir():
        return ("ckpt", "runs")
    of_table = ("predictions",) if path.suffix == ".csv" else ()
    if line.command == "evaluate" and not of_table:  # always takes a checkpoint, seldom other data
        return ("ckpt", "data")
    return ("data", *of_table, "runs", "images", "ckpt")


def _similar(line: CommandLine, arg: str) -> str | None:
    key = line.catalogue.closest(arg)
    return f" (did you mean {key}?); write {key}=VALUE" if key else None
