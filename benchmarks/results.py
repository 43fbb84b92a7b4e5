"""Results as JSON, as Markdown and on the screen."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aduni.data.cache.image_cache import usable_cpus
from aduni.system.atomic_files import atomic_write, write_json
from aduni.system.provenance import provenance
from benchmarks.measure import Spread
from benchmarks.section import Cell, Row, Section


def write_results(
    sections: Mapping[str, Section], targets: Sequence[Row], origin: dict[str, Any], output: Path
) -> None:
    """benchmark.json and benchmark.md, each whole.

    Args:
        sections: by part.
        targets: rows of their table.
        origin: what was measured on.
        output: folder, which exists.
    """
    content = {
        "measured_on": origin,
        "targets": [_plain(row) for row in targets],
        "parts": {
            name: {
                "title": section.title,
                "notes": list(section.notes),
                "rows": [_plain(row) for row in section.rows],
                "figures": {key: asdict(value) for key, value in section.figures.items()},
            }
            for name, section in sections.items()
        },
    }
    write_json(content, output / "benchmark.json")
    with atomic_write(output / "benchmark.md") as temporary:
        temporary.write_text(markdown(sections, targets, origin))


def _plain(row: Row) -> dict[str, Any]:
    return {name: asdict(cell) if isinstance(cell, Spread) else cell for name, cell in row.items()}


def measured_on() -> dict[str, Any]:
    """Machine, versions, commit and time."""
    known = provenance()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": usable_cpus(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "torch_threads": known["hardware"]["threads"],
        "gpus": known["hardware"]["gpus"],
        "git_commit": known["git_commit"],
        "versions": known["versions"],
    }


def processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def markdown(sections: Mapping[str, Section], targets: Sequence[Row], origin: Any) -> str:
    """All tables with their notes."""
    gpus = ", ".join(origin["gpus"]) or "no GPU"
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    blocks = [
        "# Benchmark",
        f"{origin['date']}, {origin['processor']}, {origin['cores']} cores, "
        f"{origin['torch_threads']} torch threads, {gpus}, load {origin['load']} at the start, "
        f"commit {origin['git_commit']}; {versions}.",
        "Medians, in brackets first and third quartile; ratios are medians of the turns' ratios.",
        "## Targets",
        table(targets),
    ]
    for section in sections.values():
        blocks += [f"## {section.title}", table(section.rows), *section.notes]
    return "\n\n".join(blocks) + "\n"


def table(rows: Sequence[Row]) -> str:
    """A Markdown table; numbers are aligned to the right."""
    columns = list(rows[0])
    right = [not isinstance(rows[0][column], str) for column in columns]
    lines = [columns, ["---:" if number else "---" for number in right]]
    lines += [[shown(row[column]) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def print_results(sections: Mapping[str, Section], targets: Sequence[Row], output: Path) -> None:
    """The same tables on the screen, medians only."""
    console = Console()
    tables = [(section.title, section.rows) for section in sections.values()]
    for title, rows in [*tables, ("Targets", targets)]:
        screen = Table(title=title)
        for name, cell in rows[0].items():
            screen.add_column(name, justify="left" if isinstance(cell, str) else "right")
        for row in rows:
            screen.add_row(*(shown(_median(cell)) for cell in row.values()))
        console.print(screen)
    console.print("Results:", str(output), soft_wrap=True)


def _median(cell: Cell) -> Cell:
    return cell.median if isinstance(cell, Spread) else cell


def shown(cell: Cell) -> str:
    """As text, with three significant digits; quartiles where there are several values."""
    if cell is None:
        return "-"
    if isinstance(cell, Spread):
        if cell.count == 1:
            return number(cell.median)
        return f"{number(cell.median)} ({number(cell.low)} to {number(cell.high)})"
    return number(cell) if isinstance(cell, float) else str(cell)


def number(value: float) -> str:
    """1234.5 -> 1,234; 12.345 -> 12.3; 0.98765 -> 0.988."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    digits = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2 if magnitude >= 1 else 3
    return f"{value:,.{digits}f}"
