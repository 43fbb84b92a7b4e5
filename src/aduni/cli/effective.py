"""Options and values that a command line leads to, read from conf/ without Hydra."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aduni.cli.yaml_docs import Leaf, read_leaf


def effective_options(
    conf: Path, groups: Mapping[str, str | None], args: Sequence[str]
) -> dict[str, str | None]:
    """Return the option of each group: the typed one, else what others choose, else the default.

    Args:
        conf: configuration folder.
        groups: groups with their defaults, in the order of the defaults list.
        args: command line.
    """
    typed = {group: option for group, option in _pairs(args) if group in groups}
    chosen, settled = {**groups, **typed}, set(typed)
    # Of two options that choose for a group, the one later in Hydra's defaults list decides.
    for group in reversed([*groups]):
        leaf = _leaf(conf, group, chosen[group])
        for other, _, option in (choice.partition("=") for choice in (leaf.sets if leaf else [])):
            if other in groups and other not in settled:
                chosen[other] = option
                settled.add(other)
    return chosen


def effective_values(
    conf: Path, options: Mapping[str, str | None], args: Sequence[str]
) -> dict[str, Any]:
    """Return the values that options and the command line give to keys, the latter as texts."""
    values: dict[str, Any] = {}
    for group, option in options.items():
        leaf = _leaf(conf, group, option)
        values |= leaf.values if leaf else {}
    return values | {key: value for key, value in _pairs(args) if key not in options}


def _pairs(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    for arg in args:
        key, equals, value = arg.lstrip("+").partition("=")
        if equals:
            yield key, value


def _leaf(conf: Path, group: str, option: str | None) -> Leaf | None:
    file = conf / group.partition("@")[0] / f"{option}.yaml"
    return read_leaf(file) if file.is_file() else None
