"""Whether the runs of a table may be compared: a sentence for each way in which they may not."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aduni.report.runs import Run
from aduni.report.tables import Table, title_of

SETTINGS = {
    "epochs": "epochs",
    "batch_size": "batch sizes",
    "image_size": "image sizes",
    "encoder": "encoders",
    "lr": "learning rates",
    "protocol": "protocols",
}
"""Keys of metrics.json that comparable runs share."""
VERSIONS = ("aduni", "git commit", "torch")
Members = Sequence[tuple[str, Run]]
"""Label of the row and run."""


def warnings_of(table: Table) -> list[str]:
    """Sentences on runs that stand back or do not compare; one for each data set and kind."""
    found = list(table.warnings)
    for dataset in table.datasets:
        members = [
            (label, run)
            for (label, name), runs in table.runs.items()
            for run in runs.values()
            if name == dataset
        ]
        found += [f"{title_of(dataset)}: {text}." for text in _incomparable(members)]
    return found


def _incomparable(members: Members) -> Iterator[str]:
    splits = []
    for fold in sorted({run.fold for _, run in members}):
        values = {run.folder.path: str(run.metrics["split_hash"]) for _, run in members}
        text = _spread([pair for pair in members if pair[1].fold == fold], values)
        splits += [f"in fold {fold} {text}"] if text else []
    if splits:
        yield f"different splits, {'; '.join(splits)}"
    for key, words in SETTINGS.items():
        values = {run.folder.path: _setting(run.metrics, key) for _, run in members}
        if text := _spread(members, values):
            yield f"different {words}, {text}"
    caveats = defaultdict(list)
    for label, run in members:
        if run.metrics["caveat"]:
            caveats[str(run.metrics["caveat"]).rstrip(".")].append(label)
    yield from (f"{c} ({', '.join(dict.fromkeys(rows))})" for c, rows in caveats.items())
    mixed = []
    for name in VERSIONS:
        values = {run.folder.path: _version(run.metrics, name) for _, run in members}
        text = _spread(members, values)
        mixed += [f"{name} {text}"] if text else []
    if mixed:
        yield f"incompatible versions, {'; '.join(mixed)}"


def _setting(metrics: Mapping[str, Any], key: str) -> str:
    value = str(metrics.get(key, "unknown"))
    return f"{value}, selected on {metrics['selected_on']}" if key == "protocol" else value


def _version(metrics: Mapping[str, Any], name: str) -> str:
    if name == "git commit":
        return str(metrics["git_commit"] or "unknown")[:10]
    return str(metrics["versions"].get(name, "unknown"))


def _spread(members: Members, values: Mapping[Any, str]) -> str:
    """Which rows have which value, or nothing where all have the same.

    A row with several values is named with the folders of each.
    """
    rows: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    of_row = defaultdict(set)
    for label, run in members:
        value = values[run.folder.path]
        rows[value][label].append(str(run.folder.path))
        of_row[label].add(value)
    if len(rows) < 2:
        return ""
    parts = []
    for value, labels in rows.items():
        names = (
            label if len(of_row[label]) == 1 else f"{label} in {', '.join(folders)}"
            for label, folders in labels.items()
        )
        parts.append(f"{value} ({', '.join(names)})")
    return " and ".join(parts)
