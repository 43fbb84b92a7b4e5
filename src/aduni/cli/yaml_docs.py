"""Read keys, defaults and comments from the YAML files of conf/."""

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
    "class_weights",
    "protocol",
    "encoder",
    "recipe",
    "optimizer",
    "trainer",
    "logger",
    "experiment",
    "debug",
    "hparams_search",
    "profile",
    "preset",
    "questions",
)
HYDRA_KEYS = ("hydra", "sweeper")


@dataclass
class Leaf:
    """An option of a group, with the keys that it inherits from other options.

    Attributes:
        heading: comment above its first key.
        target: constructor, if it names one.
        sets: `group=option` choices that it makes for other groups.
        values: full key -> value.
        comments: full key -> comment after the value.
    """

    heading: str = ""
    target: str = ""
    sets: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def read_leaf(path: Path) -> Leaf:
    """Read `conf/GROUP/OPTION.yaml` and the options of the group in its defaults list."""
    group, content = path.parent.name, yaml.safe_load(path.read_text()) or {}
    leaf = Leaf(heading=heading_of(path))
    content.pop("names", None)  # titles for folders and reports, which no user sets
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
    is_global = path.read_text().startswith("# @package _global_")
    prefix = "" if is_global else f"{group}."
    leaf.values |= {prefix + key: value for key, value in flattened(content, opened=inner)}
    leaf.comments |= {prefix + key: text for key, text in comments_of(path).items()}
    leaf.target = leaf.values.pop(f"{group}._target_", leaf.target)
    return leaf


def flattened(
    content: Mapping[str, Any], prefix: str = "", opened: Sequence[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield (full key, value) of a YAML file, at any depth inside groups and `_target_` mappings.

    Args:
        content: content of the file.
        prefix: prefix of its keys.
        opened: keys of further mappings to descend into, such as those that a defaults list fills.
    """
    for key, value in content.items():
        is_group = key in (*GROUPS, *opened, "params")
        if (isinstance(value, dict) and (is_group or "_target_" in value)) or key in HYDRA_KEYS:
            yield from flattened(value, f"{prefix}{key}.")
        elif key != "_partial_":
            yield f"{prefix}{key}", value


def comments_of(path: Path) -> dict[str, str]:
    """Return full key -> comment after its value, with the lines that continue the comment."""
    text = path.read_text()
    lines = [*text.splitlines(), ""]  # a block of text ends below the last line
    comments: dict[str, str] = {}

    def visit(node: yaml.Node, prefix: str) -> None:
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            return
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            is_below = value.start_mark.line > key.end_mark.line
            mark = key.end_mark if is_below else value.end_mark
            comment = re.match(r":?\s*#\s*(.*)", lines[mark.line][mark.column :])
            if comment:
                comments[name] = " ".join([comment[1], *_continuation(lines, mark.line)])
            visit(value, f"{name}.")

    root = yaml.compose(text)
    if root is not None:
        visit(root, "")
    return comments


def _continuation(lines: Sequence[str], start: int) -> Iterator[str]:
    """Yield the comment lines after `start` that are aligned with the comment of that line."""
    column = lines[start].rindex("# ")
    for line in lines[start + 1 :]:
        if not line.strip().startswith("#") or line.index("#") != column:
            return
        yield line.strip(" #")


def headers_of(path: Path) -> dict[str, str]:
    """Return key -> value of the lines `# @key value` that a file begins with."""
    return dict(re.findall(r"^# @(\w+) (\S+)$", path.read_text(), re.MULTILINE))


def heading_of(path: Path) -> str:
    """Return the comment lines at the top of a file as one text, without `# @key value`."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            lines.append(line.strip("# "))
    return " ".join(lines)
