"""Mark the best mean of each block of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aduni.report.tables.table import Cell, TableRow


def rivals(rows: Sequence[TableRow], block: str) -> list[TableRow]:
    """Return the rows that compete for the best of a block: its own, and those of no block."""
    return [row for row in rows if row.block in (block, "")]


def with_best(rows: list[TableRow]) -> Iterator[TableRow]:
    """Mark the best means of each block that has at least two complete ones."""
    for row in rows:
        columns = zip(*(rival.cells for rival in rivals(rows, row.block)), strict=True)
        pairs = zip(row.cells, map(_best, columns), strict=True)
        cells = (replace(c, best=b is not None and _rank(c) == b) for c, b in pairs)
        yield replace(row, cells=tuple(cells))


def _rank(cell: Cell) -> float | None:
    """Return the mean as printed, higher being better; None if it does not compete."""
    if cell.mean is None or cell.lacking or cell.metric.best is None:
        return None
    return float(f"{cell.mean:.3f}") * (1 if cell.metric.best == "highest" else -1)


def _best(column: tuple[Cell, ...]) -> float | None:
    ranks = [rank for cell in column if (rank := _rank(cell)) is not None]
    return max(ranks) if len(ranks) > 1 else None
