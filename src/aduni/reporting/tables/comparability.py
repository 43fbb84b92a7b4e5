"""Sentences on runs of a table that should not be compared."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from aduni.reporting.tables.floors import below_floor
from aduni.reporting.tables.table import Table, title_of
from aduni.results.finished_runs import Run
from aduni.results.identity import comparable
from aduni.results.run_folder import WITHOUT_EFFECT

IGNORED = (
    *WITHOUT_EFFECT,
    *("names.*", "fold", "seed", "save_features", "logger*"),
    *("protocol.split_file", "protocol.caveat"),
    *("trainer.accelerator", "trainer.precision"),
)
"""Keys of a configuration that no metric depends on, or that are shown elsewhere."""
BETWEEN_ROWS = ("method.*", "alpha.*", "class_weights.*", "sampler._target_")
"""Keys in which rows are meant to differ."""
WITHIN_ROWS = ("alpha.*", "method.stage1_ckpt")
"""Keys in which runs of one row may differ; a method with alpha has it among its own keys."""
KEY_NAMES = {
    "epochs": "epochs",
    "batch_size": "batch sizes",
    "dataset.image_size": "image sizes",
    "encoder.name": "encoders",
    "lr": "learning rates",
    "protocol": "protocols",
}
MAX_KEYS = 6
MAX_ROWS = 4
VERSIONS = ("aduni", "torch")


class _Member(NamedTuple):
    """A run and the row that it belongs to."""

    table: str
    label: str
    run: Run


Values = Mapping[Path, str]


def warnings_about(tables: Sequence[Table]) -> list[str]:
    """Return sentences on runs that do not compare, one for each data set and kind.

    A run in several rows is named by the first.
    """
    found = dict.fromkeys(below_floor(tables))
    found |= dict.fromkeys(text for table in tables for text in table.warnings)
    datasets: dict[str, dict[Path, _Member]] = defaultdict(dict)
    for table in tables:
        for row, dataset in product(table.rows, table.datasets):
            for _, run in sorted(table.runs.get((row.label, dataset), {}).items()):
                member = _Member(table.name, row.label, run)
                datasets[dataset].setdefault(run.folder.path, member)
    for dataset in dict.fromkeys(name for table in tables for name in table.datasets):
        members = list(datasets[dataset].values())
        sentences = (f"{title_of(dataset)}: {text}." for text in _incomparable(members))
        found |= dict.fromkeys(sentences)
    return list(found)


def _incomparable(members: Sequence[_Member]) -> Iterator[str]:
    splits = []
    for fold in sorted({member.run.fold for member in members}):
        held = [member for member in members if member.run.fold == fold]
        text = _spread(held, _values(held, "split_hash"))
        splits += [f"in fold {fold} {text}"] if text else []
    if splits:
        yield f"different splits, {'; '.join(splits)}"
    caveats = list(_caveats(members))
    members = [member for member in members if not member.run.is_floor]
    rows: dict[tuple[str, str], list[_Member]] = defaultdict(list)
    for member in members:
        rows[member[:2]].append(member)
    if len(rows) > 1:
        different = _differences(members, (*BETWEEN_ROWS, *_declared(rows)))
        texts = [f"different {key}, {_spread(members, values)}" for key, values in different]
        yield from _some(texts)
    mixed = []
    for (_, label), held in rows.items():
        different = _differences(held, WITHIN_ROWS)
        texts = [f"{key} {_listed(_folders(held, values))}" for key, values in different]
        mixed += [f"{label} mixes runs of different settings: {t}" for t in _some(texts)]
    if mixed:
        yield "; ".join(mixed)
    yield from caveats
    yield from _versions(members)


def _declared(rows: Iterable[tuple[str, str]]) -> set[str]:
    """Return the keys that the labels of all rows name, as in `CE, lr=0.01`."""
    named = [set(re.findall(r", ([\w.]+)=", label)) for _, label in rows]
    return set.intersection(*named)


def _values(members: Iterable[_Member], key: str) -> Values:
    return {run.folder.path: str(run.metrics[key]) for *_, run in members}


def _caveats(members: Iterable[_Member]) -> Iterator[str]:
    caveats: dict[str, list[str]] = defaultdict(list)
    for _, label, run in members:
        if run.metrics["caveat"]:
            caveats[str(run.metrics["caveat"]).rstrip(".")].append(label)
    yield from (f"{c} ({_enumerated(labels)})" for c, labels in caveats.items())


def _versions(members: Sequence[_Member]) -> Iterator[str]:
    mixed = []
    for name in VERSIONS:
        values = {r.folder.path: r.metrics["versions"].get(name, "unknown") for *_, r in members}
        text = _spread(members, values)
        mixed += [f"{name} {text}"] if text else []
    if mixed:
        yield f"incompatible versions, {'; '.join(mixed)}"
    commits = Counter(short_commit(run.metrics["git_commit"]) for *_, run in members)
    if len(commits) > 1:
        # A row may have as many commits as runs: their names would fill the page.
        texts = (f"{name} ({count} run{'s' * (count > 1)})" for name, count in commits.items())
        yield f"several commits, {' and '.join(texts)}"


def short_commit(text: str | None) -> str:
    """Return 10 digits of a commit, and whether the checkout had changes."""
    name, mark, state = (text or "unknown").partition("-")
    return name[:10] + mark + state


def _differences(
    members: Sequence[_Member], ignored: tuple[str, ...]
) -> list[tuple[str, dict[Path, str]]]:
    settings = {member.run.folder.path: _settings(member.run) for member in members}
    keys = dict.fromkeys((*KEY_NAMES, *(key for held in settings.values() for key in held)))
    different = {}
    for key in keys:
        values = {path: held.get(key, "absent") for path, held in settings.items()}
        counts = not any(fnmatchcase(key, pattern) for pattern in (*IGNORED, *ignored))
        if counts and len(set(values.values())) > 1:
            different[key] = values
    return [
        (KEY_NAMES.get(key, key), values)
        for key, values in different.items()
        if not ("protocol" in different and key.startswith("protocol."))
        # The encoder takes some settings from the data set.
        and not (key.startswith("encoder.") and values == different.get(f"dataset.{key[8:]}"))
    ]


def _settings(run: Run) -> dict[str, str]:
    protocol = f"{run.config['protocol']['name']}, selected on {run.metrics['selected_on']}"
    return {**dict(flattened(comparable(run.config))), "protocol": protocol}


def flattened(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted keys and values as text; lists with mappings are numbered."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = {str(place): item for place, item in enumerate(value)}
        if isinstance(value, dict):
            yield from flattened(value, f"{name}.")
        else:
            yield name, _written(value)


def _written(value: object) -> str:
    """Return a value as YAML writes it, 1 for 1.0."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _some(texts: Sequence[str]) -> Iterator[str]:
    if texts:
        rest = len(texts) - MAX_KEYS
        end = f", and {rest} more key{'s' * (rest > 1)}" if rest > 0 else ""
        yield "; ".join(texts[:MAX_KEYS]) + end


def _spread(members: Sequence[_Member], values: Values) -> str:
    """Say which rows have which value, or nothing if all have the same.

    A row with several values is named with the folders of each. The rows of the commonest value,
    if they are many, are counted: those that stand out are what a reader looks for.
    """
    of_row: dict[tuple[str, str], list[_Member]] = defaultdict(list)
    for member in members:
        of_row[member[:2]].append(member)
    names: dict[str, list[str]] = {values[run.folder.path]: [] for *_, run in members}
    for (_, label), held in of_row.items():
        folders = _folders(held, values)
        for value, held_folders in folders.items():
            where = f" in {', '.join(held_folders)}" if len(folders) > 1 else ""
            names[value].append(f"{label}{where}")
    if len(names) < 2:
        return ""
    first, second, *_ = sorted(names, key=lambda value: -len(names[value]))
    if len(names[first]) > max(MAX_ROWS, len(names[second])):
        names[first] = [f"the other {len(names[first])} rows"]
    return _listed(names)


def _folders(members: Iterable[_Member], values: Values) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    for *_, run in members:
        folders[values[run.folder.path]].append(run.folder.path.name)
    return folders


def _listed(names: Mapping[str, Sequence[str]]) -> str:
    return " and ".join(f"{value} ({_enumerated(held)})" for value, held in names.items())


def _enumerated(names: Iterable[str]) -> str:
    """Join names; a semicolon separates names with commas."""
    held = list(dict.fromkeys(names))
    return ("; " if any(", " in name for name in held) else ", ").join(held)
