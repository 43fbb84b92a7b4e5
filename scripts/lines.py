"""Write the table of lines per package into CONTRIBUTING.md: python scripts/lines.py."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
TABLE = re.compile(r"(<!-- lines -->\n).*?(<!-- end of lines -->)", re.DOTALL)


def lines_of(files: list[Path]) -> int:
    """Count the lines of files."""
    return sum(file.read_text().count("\n") for file in files)


def table() -> str:
    """Return a Markdown table of files and lines by package."""
    package = ROOT / "src" / "aduni"
    folders = sorted(path for path in package.iterdir() if (path / "__init__.py").exists())
    parts = {folder.name: sorted(folder.rglob("*.py")) for folder in folders}
    parts["loose modules"] = sorted(package.glob("*.py"))
    parts["**package**"] = sorted(package.rglob("*.py"))
    parts["benchmarks/"] = sorted((ROOT / "benchmarks").rglob("*.py"))
    rows = [f"| {name} | {len(files)} | {lines_of(files)} |" for name, files in parts.items()]
    return "\n".join(["| package | files | lines |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda match: match[1] + table() + match[2], PAGE.read_text()))
