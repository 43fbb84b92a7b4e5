"""Compose the text of --help from the files and comments in conf/."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from aduni.cli.yaml_docs import Leaf, comments_of, flattened, heading_of, read_leaf

MAX_WIDTH = 100  # columns
MAX_NAME_WIDTH = 28  # columns
Rows = Iterable[tuple[str, str]]


def help_text(conf: Path, name: str, args: Sequence[str] = ()) -> str:
    """Return the help of a command.

    Args:
        conf: configuration folder.
        name: command, whose keys are those of `conf/NAME.yaml`.
        args: command line; the keys of the options that it chooses are listed too.
    """
    path = conf / f"{name}.yaml"
    content = yaml.safe_load(path.read_text())
    groups = groups_of(path)
    defaults = groups | _choices_of_defaults(conf, groups)
    rows = [(group, _options(conf, group, option)) for group, option in defaults.items()]
    parts = [
        _wrap(heading_of(path), ""),
        f"Usage: python src/{name}.py [GROUP=OPTION] [KEY=VALUE] [FLAG] ...",
        *_section("Groups, with their defaults in brackets", rows),
        *_section("Keys", _command_keys(content, comments_of(path), _recipe_keys(conf, groups))),
    ]
    chosen: list[str] = []
    for group, _, option in (arg.partition("=") for arg in args):
        file = conf / group.partition("@")[0] / f"{option}.yaml"
        if group in groups and file.is_file():
            chosen += _section(f"Keys of {group}={option}", _option_keys(read_leaf(file), group))
    parts += chosen
    if groups and not chosen:
        parts.append(f"{next(iter(groups))}=OPTION --help lists the keys of an option.")
    flags = [
        ("-m", "a job for each of several values: KEY=A,B,C"),
        ("--cfg job", "print all keys with their values; nothing else is done"),
        (f'eval "$(python src/{name}.py -sc install=bash)"', "completion in bash"),
        ("--hydra-help", "what else Hydra offers"),
    ]
    parts += _section("Flags", flags)
    examples = content.get("hydra", {}).get("help", {}).get("footer", "")
    return "\n\n".join(filter(None, [*parts, examples.rstrip()])) + "\n"


def groups_of(path: Path) -> dict[str, str | None]:
    """Return the groups in a command's defaults list with their default options.

    Groups that a comment in the file marks as unused are left out.
    """
    lines = [line.strip("- ").split("#") for line in path.read_text().splitlines()]
    unused = {parts[0].split(":")[0] for parts in lines if parts[-1].startswith(" unused")}
    groups: dict[str, str | None] = {}
    for entry in yaml.safe_load(path.read_text()).get("defaults", []):
        for group, option in entry.items() if isinstance(entry, dict) else ():
            if not group.startswith(("override ", "hydra")) and group not in unused:
                groups[group] = option
    # Hydra composes groups that choose options of others last: these matter most.
    chosen = [group for group in reversed(groups) if groups[group] is not None]
    return {group: groups[group] for group in (*chosen, *groups)}


def options_of(conf: Path, group: str) -> list[str]:
    """Return the names of a group's options; `table@methods` has those of `table`."""
    return sorted(file.stem for file in (conf / group.partition("@")[0]).glob("*.yaml"))


def _choices_of_defaults(conf: Path, groups: Mapping[str, str | None]) -> dict[str, str]:
    """Return what the default options choose for other groups, as digits choose a recipe."""
    chosen: dict[str, str] = {}
    for group, option in groups.items():
        file = conf / group.partition("@")[0] / f"{option}.yaml"
        sets = read_leaf(file).sets if file.is_file() else []
        chosen |= dict(choice.split("=", 1) for choice in sets)
    return {group: option for group, option in chosen.items() if group in groups}


def _options(conf: Path, group: str, default: str | None) -> str:
    names = options_of(conf, group)
    return ", ".join(f"[{name}]" if name == default else name for name in names)


def _command_keys(
    content: Mapping[str, Any], comments: Mapping[str, str], recipe_keys: set[str]
) -> Rows:
    """Yield a command's own keys, without those that Hydra computes."""
    for key, value in flattened(content):
        first = key.partition(".")[0]
        is_computed = isinstance(value, dict) or "${hydra:" in str(content[first])
        if first in ("defaults", "hydra") or is_computed:
            continue
        text = "(must be given)" if value == "???" else _format(value)
        if key in recipe_keys:
            text = "(the recipe's)"
        yield f"{key}={text}", comments.get(key, "")


def _recipe_keys(conf: Path, groups: Mapping[str, str | None]) -> set[str]:
    if "recipe" not in groups:
        return set()
    return set(yaml.safe_load((conf / "recipe" / f"{groups['recipe']}.yaml").read_text()))


def _option_keys(leaf: Leaf, group: str) -> Rows:
    folder, _, package = group.partition("@")
    for key, value in leaf.values.items():
        parts = value if isinstance(value, list) else [value]
        is_plain = not any(isinstance(part, dict | list) for part in parts)
        if is_plain and not key.endswith("_target_"):
            name = key.replace(f"{folder}.", f"{package}.", 1) if package else key
            yield f"{name}={_format(value)}", leaf.comments.get(key, "")


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
        text,
        min(shutil.get_terminal_size().columns, MAX_WIDTH),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
