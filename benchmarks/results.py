"""Results as JSON and as Markdown."""

import math
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from aduni.system.atomic_files import atomic_write, write_json
from aduni.system.provenance import provenance
from aduni.system.threads import usable_cpus
from benchmarks.measure import Spread
from benchmarks.part import Cell, Row, Section


def write_results(
    sections: Mapping[str, Section], targets: Section, origin: dict[str, Any], output: Path
) -> None:
    """Write benchmark.json and benchmark.md: what was measured on, the targets, all sections."""
    content = {
        "measured_on": origin,
        "targets": asdict(targets)["rows"],
        "parts": {name: asdict(section) for name, section in sections.items()},
    }
    write_json(content, output / "benchmark.json")
    hardware, gpus = origin["hardware"], ", ".join(origin["hardware"]["gpus"]) or "no GPU"
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    blocks = [
        "# Benchmark",
        f"{origin['date']}, {origin['processor']}, {origin['cores']} cores, "
        f"{hardware['threads']} torch threads, {gpus}, load {origin['load']} at the start, "
        f"commit {origin['git_commit']}; {versions}.",
        "Medians, in brackets first and third quartile; ratios are medians of the rounds' ratios.",
        *(markdown(section) for section in (targets, *sections.values())),
    ]
    with atomic_write(output / "benchmark.md") as temporary:
        temporary.write_text("\n\n".join(blocks) + "\n")


def measured_on() -> dict[str, Any]:
    """Return machine, versions, commit and time."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": usable_cpus(),
        "load": round(psutil.getloadavg()[0], 2),
        **provenance(),
    }


def _processor() -> str:
    """Return the processor's name, or its architecture where the system does not tell it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return name[1] if name else platform.machine()


def markdown(section: Section) -> str:
    """Return a section as Markdown."""
    return "\n\n".join([f"## {section.title}", table(section.rows), *section.notes])


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table; numbers are aligned to the right."""
    columns = list(rows[0])
    right = [not isinstance(rows[0][column], str) for column in columns]
    lines = [columns, ["---:" if number else "---" for number in right]]
    lines += [[shown(row[column]) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def shown(cell: Cell) -> str:
    """Format a cell; quartiles where there are several values."""
    if isinstance(cell, Spread):
        median, low, high = map(number, (cell.median, cell.low, cell.high))
        return median if cell.count == 1 else f"{median} ({low} to {high})"
    if cell is None:
        return "-"
    return number(cell) if isinstance(cell, float) else str(cell)


def number(value: float) -> str:
    """Format with three significant digits: 1234.5 -> 1,234; 12.345 -> 12.3; 0.98765 -> 0.988."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(digits, 0)}f}"
