"""Write docs/configuration.md from the YAML in conf/ and the constructors' annotations.

The table in docs/methods/README.md is written, too.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from annotations import format_value, of_constructor, of_model, summary_of, values_of
from method_table import INDEX, index

from aduni.cli.help import groups_of
from aduni.cli.yaml_docs import GROUPS, Leaf, comments_of, flattened, heading_of, read_leaf
from aduni.system.program import as_installed

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # benchmarks/ is not installed
CONF = ROOT / "conf"
PAGE = ROOT / "docs" / "configuration.md"

# Pydantic models of the commands' keys, in the order of the page: train.py has the most.
COMMANDS = {
    "train": "aduni.config.schema.Settings",
    "fit": "aduni.fitting.fit_settings.FitSettings",
    "prepare": "aduni.auditing.audit_settings.PrepareSettings",
    "audit": "aduni.auditing.audit_settings.AuditSettings",
    "shortcuts": "aduni.config.schema.Settings",
    "label_errors": "aduni.auditing.label_errors.label_error_settings.LabelErrorSettings",
    "evaluate": "aduni.evaluation.evaluate_settings.OwnDataSettings",
    "predict": "aduni.inference.predict.predict_settings.PredictSettings",
    "explain": "aduni.inference.explain.explain_settings.ExplainSettings",
    "export": "aduni.inference.export.export_settings.ExportSettings",
    "report": "aduni.reproduce.report_settings.ReportSettings",
    "reproduce": "aduni.reproduce.settings.Reproduction",
    "benchmark": "benchmarks.settings.BenchmarkSettings",
}
MODELS = {
    "profile": "aduni.reproduce.settings.Profile",
    "preset": "aduni.fitting.fit_settings.Preset",
}

HEAD = """# Configuration

`make docs` generates this page from the files in `conf/` and from the annotations that check them.
A file `conf/GROUP/OPTION.yaml` is chosen by `GROUP=OPTION`, and each of its keys is changed by
`GROUP.KEY=VALUE`:

    python src/train.py method=aduni method.temperature=0.2 dataset=aptos sampler=upsample
    python src/train.py --cfg job         # the whole configuration, nothing is trained
    python src/train.py -m seed=0,1,2     # a training for each value

`null` means none. Values are checked before anything is read, and the error for a mistyped key
suggests the nearest one.
"""


class NoDefault(str):
    """Text shown in place of a default value."""


@dataclass(frozen=True)
class Row:
    """Line of a table: one configuration key.

    Attributes:
        key: full name of the key.
        default: value in the YAML.
        values: type and range that the key takes.
        meaning: comment in the YAML, or else the key's entry in its constructor's docstring.
    """

    key: str
    default: Any
    values: str
    meaning: str


def page() -> str:
    """Return the text of docs/configuration.md."""
    parts = [HEAD, "## Commands\n", *(_command(name) for name in COMMANDS)]
    for group in GROUPS:
        parts += [f"## {group}\n", *_group(group)]
    return as_installed("\n".join(parts))


def _command(name: str) -> str:
    path = CONF / f"{name}.yaml"
    content, comments = yaml.safe_load(path.read_text()), comments_of(path)
    chosen = dict.fromkeys(group.partition("@")[0] for group in sorted(groups_of(path)))
    hints, words = of_model(COMMANDS[name])
    rows = [
        Row(
            key,
            _required(key) if value == "???" else value,
            values_of(hints.get(key)),
            comments.get(key) or words.get(key, ""),
        )
        for key, value in flattened(content)
        if key.partition(".")[0] not in ("defaults", "hydra", "names")
    ]
    groups = ", ".join(f"[`{group}`](#{group})" for group in chosen if group in GROUPS)
    paragraphs = [f"### {name}.py", heading_of(path), groups and f"Groups: {groups}.", table(rows)]
    return "\n\n".join(filter(None, paragraphs))


def _required(key: str) -> NoDefault:
    """Say why a key has no default: each recipe sets its own, or the user must give it."""
    of_recipe = key in yaml.safe_load((CONF / "recipe" / "scratch.yaml").read_text())
    return NoDefault("the recipe's" if of_recipe else "must be given")


def _group(group: str) -> Iterator[str]:
    """Yield the sections of a group's options; options with the same keys share a table."""
    sections: dict[str, list[str]] = {}
    for path in sorted((CONF / group).glob("*.yaml")):
        leaf = read_leaf(path)
        constructor = f" (`{leaf.target}`)" if leaf.target else ""
        sets = f" Sets {', '.join(f'`{choice}`' for choice in leaf.sets)}." if leaf.sets else ""
        words = leaf.heading or summary_of(leaf.target)
        line = f"- `{group}={path.stem}`{constructor}: {words}{sets}"
        sections.setdefault(table(list(rows_of(leaf, group))), []).append(line)
    for rows, lines in sections.items():
        yield "\n".join(lines) + f"\n\n{rows}"


def rows_of(leaf: Leaf, group: str) -> Iterator[Row]:
    """Yield the keys of an option, with the annotations and docstrings of their constructors."""
    model = MODELS.get(group)
    for key, value in leaf.values.items():
        owner, _, name = key.rpartition(".")
        if owner == "hydra":
            continue
        target = leaf.target if owner == group else leaf.values.get(f"{owner}._target_", "")
        hints, words = of_model(model) if model else of_constructor(target)
        if owner == "":
            hints, words = of_model(COMMANDS["train"])[0], comments_of(CONF / "train.yaml")
        meaning = leaf.comments.get(key) or words.get(name, "")
        if name == "_target_":
            key, meaning = owner, meaning or summary_of(value)
        yield Row(key, value, values_of(hints.get(name)), meaning)


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, or an empty text without rows."""
    if not rows:
        return ""
    lines = ["| key | default | values | meaning |", "|---|---|---|---|"]
    for row in rows:
        default = (
            row.default if isinstance(row.default, NoDefault) else f"`{format_value(row.default)}`"
        )
        meaning = row.meaning[:1].upper() + row.meaning[1:].rstrip(".")
        cells = (f"`{row.key}`", default, row.values, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for file, text in ((PAGE, page()), (INDEX, index())):
        file.write_text(text, encoding="utf-8")
        print(file.relative_to(ROOT))
