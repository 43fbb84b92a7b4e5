"""Compose the text of --help from the files and comments in conf/."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from aduni.cli.effective import effective_options, effective_values
from aduni.cli.yaml_docs import Leaf, comments_of, flattened, heading_of, read_leaf
from aduni.system.program import as_called, command_text

MAX_WIDTH = 100  # columns
MAX_NAME_WIDTH = 28  # columns
Rows = Iterable[tuple[str, str]]


def help_text(conf: Path, name: str, args: Sequence[str] = ()) -> str:
    """Return the help of a command.

    Args:
        conf: configuration folder.
        name: command, whose keys are those of `conf/NAME.yaml`.
        args: command line; the options and values that it leads to are shown, and the keys of the
            options that it names.
    """
    path = conf / f"{name}.yaml"
    content = yaml.safe_load(path.read_text())
    groups = groups_of(path)
    defaults = defaults_list(path)
    options = effective_options(conf, defaults, args)
    values = effective_values(conf, options, args)
    rows = [(group, _options(conf, group, options[group])) for group in groups]
    parts = [
        _wrap(heading_of(path), ""),
        f"Usage: {command_text(name)} [GROUP=OPTION] [KEY=VALUE] [FLAG] ...",
        *_section(f"Groups, with {'what runs' if args else 'their defaults'} in brackets", rows),
        *_section("Keys", _command_keys(content, comments_of(path), values)),
    ]
    typed = [group for group, _, _ in (arg.partition("=") for arg in args) if group in groups]
    for group in dict.fromkeys([*typed, *(["encoder"] if "encoder" in groups else [])]):
        file = conf / group.partition("@")[0] / f"{options[group]}.yaml"
        if file.is_file():
            keys = _option_keys(read_leaf(file), group, values)
            parts += _section(f"Keys of {group}={options[group]}", keys)
    if groups and not typed:
        parts.append(f"{next(iter(groups))}=OPTION --help lists the keys of an option.")
    flags = [
        ("-m", "a job for each of several values: KEY=A,B,C"),
        ("--cfg job", "print all keys with their values; nothing else is done"),
        (f'eval "$({command_text(name)} -sc install=bash)"', "completion in bash"),
        ("--hydra-help", "what else Hydra offers"),
    ]
    parts += _section("Flags", flags)
    examples = content.get("hydra", {}).get("help", {}).get("footer", "")
    return "\n\n".join(filter(None, [*parts, as_called(examples.rstrip())])) + "\n"


def groups_of(path: Path) -> dict[str, str | None]:
    """Return the groups in a command's defaults list with their default options.

    Those with a default come first, the last of them before the others, as they choose options of
    others and so matter most.
    """
    groups = defaults_list(path)
    chosen = [group for group in reversed(groups) if groups[group] is not None]
    return {group: groups[group] for group in (*chosen, *groups)}


def defaults_list(path: Path) -> dict[str, str | None]:
    """Return the groups in the order of a command's defaults list, with their default options.

    Groups that a comment in the file marks as unused are left out.
    """
    lines = [line.strip("- ").split("#") for line in path.read_text().splitlines()]
    unused = {parts[0].split(":")[0] for parts in lines if parts[-1].startswith(" unused")}
    groups: dict[str, str | None] = {}
    for entry in yaml.safe_load(path.read_text()).get("defaults", []):
        for group, option in entry.items() if isinstance(entry, dict) else ():
            if not group.startswith(("override ", "hydra")) and group not in unused:
                groups[group] = option
    return groups


def options_of(conf: Path, group: str) -> list[str]:
    """Return the names of a group's options; `table@methods` has those of `table`."""
    return sorted(file.stem for file in (conf / group.partition("@")[0]).glob("*.yaml"))


def _options(conf: Path, group: str, default: str | None) -> str:
    names = options_of(conf, group)
    return ", ".join(f"[{name}]" if name == default else name for name in names)


def _command_keys(
    content: Mapping[str, Any], comments: Mapping[str, str], values: Mapping[str, Any]
) -> Rows:
    """Yield a command's own keys with the values that they get, without those Hydra computes."""
    for key, value in flattened(content):
        first = key.partition(".")[0]
        is_computed = isinstance(value, dict) or "${hydra:" in str(content[first])
        if first in ("defaults", "hydra") or is_computed:
            continue
        found = values.get(key, value)
        text = "(must be given)" if found == "???" else _format(found)
        yield f"{key}={text}", comments.get(key, "")


def _option_keys(leaf: Leaf, group: str, values: Mapping[str, Any]) -> Rows:
    folder, _, package = group.partition("@")
    for key, value in leaf.values.items():
        parts = value if isinstance(value, list) else [value]
        is_plain = not any(isinstance(part, dict | list) for part in parts)
        if is_plain and not key.endswith("_target_"):
            name = key.replace(f"{folder}.", f"{package}.", 1) if package else key
            yield f"{name}={_format(values.get(name, value))}", leaf.comments.get(key, "")


def _format(value: Any) -> str:
    """Format a value as the command line accepts it."""
    if isinstance(value, list):
        return f"[{','.join(map(_format, value))}]"
    if environment := re.fullmatch(r"\$\{oc\.env:(\w+),(.*)\}", str(value)):
        return f"{environment[2]} (${environment[1]})"
    if "${" in str(value):
        return "(computed)"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _section(title: str, rows: Rows) -> Iterator[str]:
    """Yield a title with a line for each row, or nothing if there are no rows."""
    entries = list(rows)
    if entries:
        widths = [len(name) for name, _ in entries if len(name) <= MAX_NAME_WIDTH]
        column = max(widths, default=0) + 4
        yield "\n".join([f"{title}:", *(_entry(*entry, column) for entry in entries)])


def _entry(name: str, comment: str, column: int) -> str:
    """Format a row; the comment begins below a name that is wider than its column."""
    first = f"  {name}"
    if not comment:
        return first
    text = _wrap(comment, " " * column)
    return f"{first}\n{text}" if len(first) >= column else first.ljust(column) + text[column:]


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(
        as_called(text),
        min(shutil.get_terminal_size().columns, MAX_WIDTH),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
