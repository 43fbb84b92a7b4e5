"""What the YAML files of conf/ hold: keys, defaults, comments, and the parts that they name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

GROUPS = (
    "method",
    "dataset",
    "sampler",
    "alpha",
    "protocol",
    "encoder",
    "trainer",
    "logger",
    "experiment",
    "hparams_search",
    "profile",
)
HYDRA = ("hydra", "sweeper")


@dataclass
class Leaf:
    """A YAML file of a group, its parents' keys included.

    Attributes:
        heading: the comment above its first key.
        target: its constructor, if it names one.
        sets: `group=option` choices that it makes for other groups.
        values: full key -> value.
        comments: full key -> the words behind it.
    """

    heading: str = ""
    target: str = ""
    sets: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def read_leaf(path: Path) -> Leaf:
    """A group's option, with what its defaults list brings from the same group."""
    group, content = path.parent.name, yaml.safe_load(path.read_text()) or {}
    leaf = Leaf(heading=heading_of(path))
    content.pop("names", None)  # for folders and reports; nobody sets it
    inner = []
    for entry in content.pop("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            parent = read_leaf(path.with_name(f"{entry}.yaml"))
            leaf.sets += parent.sets
            leaf.values |= parent.values
            leaf.comments |= parent.comments
            leaf.target = parent.target
        elif isinstance(entry, dict):
            ((name, option),) = entry.items()
            if name.startswith("override "):
                leaf.sets.append(f"{name.removeprefix('override /')}={option}")
            else:
                inner.append(name.partition("@")[2])
                leaf.values[f"{group}.{inner[-1]}"] = {"sampler": option}
    prefix = "" if _is_global(path) else f"{group}."
    leaf.values |= {prefix + key: value for key, value in flattened(content, opened=inner)}
    leaf.comments |= {prefix + key: words for key, words in comments_of(path).items()}
    leaf.target = leaf.values.pop(f"{group}._target_", leaf.target)
    return leaf


def _is_global(path: Path) -> bool:
    return path.read_text().startswith("# @package _global_")


def flattened(
    content: Mapping[str, Any], prefix: str = "", opened: Sequence[str] = ()
) -> Iterator[tuple[str, Any]]:
    """(full key, value) of a YAML file; mappings with a `_target_` or of a group are opened.

    Args:
        content: of the file.
        prefix: of its keys.
        opened: further mappings to open, such as those that a defaults list fills from a group.
    """
    for key, value in content.items():
        group = key in (*GROUPS, *opened, "params")
        if (isinstance(value, dict) and (group or "_target_" in value)) or key in HYDRA:
            yield from flattened(value, f"{prefix}{key}.")
        elif key != "_partial_":
            yield f"{prefix}{key}", value


def comments_of(path: Path) -> dict[str, str]:
    """Full key -> the comment behind its value, with the comment lines that go on below it."""
    text = path.read_text()
    lines = text.splitlines()
    found: dict[str, str] = {}

    def visit(node: yaml.Node, prefix: str) -> None:
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            return
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            inside = value.start_mark.line > key.end_mark.line
            mark = key.end_mark if inside else value.end_mark
            behind = re.match(r":?\s*#\s*(.*)", lines[mark.line][mark.column :])
            if behind:
                words = [behind[1], *_going_on(lines, mark.line)]
                found[name] = " ".join(words)
            visit(value, f"{name}.")

    root = yaml.compose(text)
    if root is not None:
        visit(root, "")
    return found


def _going_on(lines: Sequence[str], start: int) -> Iterator[str]:
    """Comment lines that are indented as the comment of the line above them."""
    column = lines[start].rindex("# ")
    for line in lines[start + 1 :]:
        if not line.strip().startswith("#") or line.index("#") != column:
            return
        yield line.strip(" #")


def heading_of(path: Path) -> str:
    """The comment lines at the top of a file."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.strip("# "))
    return " ".join(lines)
