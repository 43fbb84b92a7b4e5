"""Write a table as Markdown, LaTeX and CSV."""

import re
from collections.abc import Sequence

import pandas as pd

from aduni.metrics.fold_intervals import MIN_FOLDS
from aduni.reporting.tables.comparability import warnings_about
from aduni.reporting.tables.table import Cell, Table, title_of


def value_text(cell: Cell) -> str:
    """Return mean and deviation as text, or why there is none; times in hours or minutes."""
    if cell.mean is None:
        return cell.state
    digits, unit, scale = 3, "", 1
    if cell.metric.key == "train_seconds":
        digits, unit, scale = (1, " h", 3600) if cell.mean >= 3600 else (1, " min", 60)
    text = f"{cell.mean / scale:.{digits}f}"
    if cell.deviation is not None:
        text += f" ± {cell.deviation / scale:.{digits}f}"
    return text + unit


def note_text(cell: Cell) -> str:
    """Return how many folds there are, the paper's mean and the difference, as text."""
    parts = [cell.lacking] if cell.mean is not None and cell.lacking else []
    if cell.paper is not None:
        printed = f"paper {cell.paper[0]:.3f}"
        parts.append(printed if cell.difference is None else f"{printed}, {cell.difference:+z.3f}")
    return "; ".join(parts)


def footnote(table: Table) -> str:
    """Return a note on how to read a table."""
    folds = {cell.dataset: cell.planned_folds for row in table.rows for cell in row.cells}
    counts = ", ".join(f"{title_of(name)} {count}" for name, count in folds.items())
    cells = [cell for row in table.rows for cell in row.cells]
    beside = []
    if any(cell.lacking and cell.mean is not None for cell in cells):
        beside.append("how many folds or runs there are, where some lack")
    if any(cell.paper for cell in cells):
        beside.append("the paper's mean and the difference to it")
    end = f" Beside it: {'; '.join(beside)}." if beside else ""
    return (
        f"Mean ± sample standard deviation (n - 1) over folds (planned: {counts or 'none'}); one "
        "fold has no deviation. Bold: not detectably behind the best of its block (95 % t interval "
        f"of the difference over folds), among complete cells of at least {MIN_FOLDS} folds.{end}"
    )


def markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown, with the footnote and all warnings."""
    blocks = any(row.block for row in table.rows)
    columns = [f"{title_of(d)} {f.title}" for d in table.datasets for f in table.metrics]
    header = [*(["Block"] if blocks else []), "Row", *columns]
    names = len(header) - len(columns)
    lines = [header, ["---"] * names + ["---:"] * len(columns)]
    for row in table.rows:
        own = [row.block, row.name] if blocks else [row.name]
        texts = (*own, *map(_markdown_cell, row.cells))
        lines.append([" ".join(text.replace("|", r"\|").split()) for text in texts])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    warnings = "".join(f"\n- Warning: {warning}" for warning in warnings_about([table]))
    end = f"{warnings}\n" if warnings else ""
    note = f"{table.note}\n\n" if table.note else ""
    return f"**{table.title}**\n\n{note}{text}\n\n{footnote(table)}\n{end}"


def plain_text(table: Table) -> str:
    """Return a table as aligned lines for a terminal; a star marks what is bold elsewhere."""
    columns = [f"{title_of(d)} {f.title}" for d in table.datasets for f in table.metrics]
    lines = [["", *columns]]
    for row in table.rows:
        values = (value_text(cell) + ("*" if cell.best else " ") for cell in row.cells)
        lines.append([row.label, *values])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [name.ljust(widths[0]), *(v.rjust(w) for v, w in zip(values, widths[1:], strict=True))]
        ).rstrip()
        for name, *values in lines
    )


def latex(table: Table) -> str:
    """Return a LaTeX `table` environment that needs only the booktabs package.

    A row of the table takes two lines: the second has what goes with the values.
    """
    count = len(table.metrics)
    groups, rules = [""], []
    for i, dataset in enumerate(table.datasets):
        groups.append(rf"\multicolumn{{{count}}}{{c}}{{{_escape(title_of(dataset))}}}")
        rules.append(rf"\cmidrule(lr){{{2 + i * count}-{1 + (i + 1) * count}}}")
    titles = [_escape(f.title) for f in table.metrics] * len(table.datasets)
    lines = [_line(groups), "".join(rules), _line(["", *titles])]
    block = None
    for row in table.rows:
        if row.block != block:
            lines.append(r"\midrule")
            if row.block:
                width = len(titles) + 1
                lines.append(_line([rf"\multicolumn{{{width}}}{{l}}{{{_escape(row.block)}}}"]))
        block = row.block
        lines.append(_line([_escape(row.name), *map(_latex_value, row.cells)]))
        notes = [_escape(note_text(cell)).replace(", -", ", $-$") for cell in row.cells]
        if any(notes):
            lines.append(_line(["", *notes]))
    body = "\n".join(line for line in lines if line)
    warnings = "".join(f"% Warning: {text}\n" for text in warnings_about([table]))
    return rf"""{warnings}\begin{{table}}
\centering
\footnotesize
\caption{{{_escape(_caption(table.title))}}}
\label{{tab:{table.name}}}
\begin{{tabular}}{{l{"r" * len(titles)}}}
\toprule
{body}
\bottomrule
\end{{tabular}}

\smallskip
{_escape(footnote(table))}
\end{{table}}
"""


def csv_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """Return one line for each cell, train time in seconds; absent values are empty."""
    rows = [
        {
            "table": table.name,
            "dataset": cell.dataset,
            "block": row.block,
            "row": row.name,
            "figure": cell.metric.key,
            "mean": cell.mean,
            "deviation": cell.deviation,
            "folds": cell.folds,
            "planned_folds": cell.planned_folds,
            "best": cell.best,
            "paper_mean": cell.paper[0] if cell.paper else None,
            "paper_deviation": cell.paper[1] if cell.paper else None,
            "difference": cell.difference,
            "state": cell.state or cell.lacking,
        }
        for table in tables
        for row in table.rows
        for cell in row.cells
    ]
    return pd.DataFrame(rows)


def _markdown_cell(cell: Cell) -> str:
    value, note = value_text(cell), note_text(cell)
    return (f"**{value}**" if cell.best else value) + (f" ({note})" if note else "")


def _caption(title: str) -> str:
    """Remove "Table 1:", since LaTeX numbers tables itself."""
    text = re.sub(r"^Table \d+: ", "", title)
    return text[:1].upper() + text[1:]


def _latex_value(cell: Cell) -> str:
    text = _escape(value_text(cell))
    return rf"\textbf{{{text}}}" if cell.best else text


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


ESCAPES = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\n": " ",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _escape(text: str) -> str:
    return "".join(ESCAPES.get(letter, letter) for letter in text)
