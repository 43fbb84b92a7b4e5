"""What --help prints: a command's groups and keys, from the files and comments in conf/."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from aduni.cli.yaml_docs import Leaf, comments_of, flattened, heading_of, read_leaf

WIDEST = 100  # columns
Rows = Iterable[tuple[str, str]]


def help_text(conf: Path, name: str, words: Sequence[str] = ()) -> str:
    """The help of a command.

    Args:
        conf: folder of the configuration.
        name: of the command, whose keys `conf/NAME.yaml` has.
        words: of the command line; the keys of the options that they choose are listed too.
    """
    path = conf / f"{name}.yaml"
    content = yaml.safe_load(path.read_text())
    groups = groups_of(path)
    rows = [(group, _options(conf, group, option)) for group, option in groups.items()]
    parts = [
        _wrapped(heading_of(path), ""),
        f"Usage: python src/{name}.py [GROUP=OPTION] [KEY=VALUE] [FLAG] ...",
        *_section("Groups, with their defaults in brackets", rows),
        *_section("Keys", _keys(content, comments_of(path), _of_dataset(conf, groups))),
    ]
    for group, option in _chosen(words, groups):
        leaf = conf / _folder(group) / f"{option}.yaml"
        if leaf.is_file():
            parts += _section(f"Keys of {group}={option}", _leaf_rows(read_leaf(leaf), group))
    if groups and len(parts) == 4:
        parts.append(f"{next(iter(groups))}=OPTION --help lists the keys of an option.")
    parts += _section("Flags", _flags(name))
    examples = content.get("hydra", {}).get("help", {}).get("footer", "")
    return "\n\n".join(filter(None, [*parts, examples.rstrip()])) + "\n"


def groups_of(path: Path) -> dict[str, str | None]:
    """Groups that a command's defaults list opens, and the option of each.

    Those that the file calls unused are left out.
    """
    lines = [line.strip("- ").split("#") for line in path.read_text().splitlines()]
    unused = {words[0].split(":")[0] for words in lines if words[-1].startswith(" unused")}
    found: dict[str, str | None] = {}
    for entry in yaml.safe_load(path.read_text()).get("defaults", []):
        for group, option in entry.items() if isinstance(entry, dict) else ():
            if not group.startswith("override ") and group not in unused:
                found[group] = option
    # Hydra composes what chooses for others last: it matters most.
    chosen = [group for group in reversed(found) if found[group] is not None]
    return {group: found[group] for group in (*chosen, *(g for g in found if g not in chosen))}


def options_of(conf: Path, group: str) -> list[str]:
    """Names of a group's options; of `table@methods`, those of `table`."""
    return sorted(file.stem for file in (conf / _folder(group)).glob("*.yaml"))


def _folder(group: str) -> str:
    return group.partition("@")[0]


def _options(conf: Path, group: str, default: str | None) -> str:
    names = options_of(conf, group)
    return ", ".join(f"[{name}]" if name == default else name for name in names)


def _keys(content: Mapping[str, Any], comments: Mapping[str, str], of_dataset: set[str]) -> Rows:
    """A command's own keys: not those that Hydra computes."""
    for key, value in flattened(content):
        first = key.partition(".")[0]
        computed = isinstance(value, dict) or "${hydra:" in str(content[first])
        if first in ("defaults", "hydra") or computed:
            continue
        shown = "(must be given)" if value == "???" else _value(value)
        if key in of_dataset:
            shown = "(the data set's)"
        yield f"{key}={shown}", comments.get(key, "")


def _of_dataset(conf: Path, groups: Mapping[str, str | None]) -> set[str]:
    """Keys that every data set brings along."""
    if "dataset" not in groups:
        return set()
    return set(yaml.safe_load((conf / "dataset" / f"{groups['dataset']}.yaml").read_text()))


def _leaf_rows(leaf: Leaf, group: str) -> Rows:
    place = group.partition("@")[2]
    for key, value in leaf.values.items():
        plain = not isinstance(value, dict | list) or value == []
        if plain and not key.endswith("_target_"):
            name = key.replace(f"{_folder(group)}.", f"{place}.", 1) if place else key
            yield f"{name}={_value(value)}", leaf.comments.get(key, "")


def _chosen(words: Sequence[str], groups: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for word in words:
        group, _, option = word.partition("=")
        if group in groups:
            yield group, option


def _value(value: Any) -> str:
    """As the command line takes it."""
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if environment := re.fullmatch(r"\$\{oc\.env:(\w+),(.*)\}", str(value)):
        return f"{environment[2]} (${environment[1]})"
    if "${" in str(value):
        return "(computed)"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _flags(name: str) -> Rows:
    return [
        ("-m", "a job for each of several values: KEY=A,B,C"),
        ("--cfg job", "print all keys with their values; nothing else is done"),
        (f'eval "$(python src/{name}.py -sc install=bash)"', "completion in bash"),
        ("--hydra-help", "what else Hydra offers"),
    ]


def _section(title: str, rows: Rows) -> list[str]:
    """A title and a line for each row; nothing where there are none."""
    entries = list(rows)
    if not entries:
        return []
    column = max([0, *(len(name) for name, _ in entries if len(name) <= 28)]) + 4
    lines = [_entry(name, words, column) for name, words in entries]
    return ["\n".join([f"{title}:", *lines])]


def _entry(name: str, words: str, column: int) -> str:
    """Words stand in a column of their own, below a name that reaches into it."""
    first = f"  {name}"
    if not words:
        return first
    text = _wrapped(words, " " * column)
    return f"{first}\n{text}" if len(first) >= column else first.ljust(column) + text[column:]


def _wrapped(words: str, indent: str) -> str:
    width = min(shutil.get_terminal_size().columns, WIDEST)
    return textwrap.fill(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
