"""Render the page: one HTML file with pictures, style and script, which needs no network."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SHARED = Path(__file__).parent
"""Folder of the templates that pages share, base.html.j2 and macros.html.j2."""
TEMPLATE = "page.html.j2"
SCROLL_ROWS = 25
"""Rows from which a table scrolls under a fixed header."""
WIDE_POINTS = 432
"""Width from which a figure has a line of its own."""


@dataclass(frozen=True)
class Column:
    """A column; `numeric` ones are sorted by number; `group` is shown above its neighbours."""

    name: str
    group: str | None = None
    numeric: bool = False


@dataclass(frozen=True)
class PageCell:
    """A cell of a table.

    Attributes:
        sort_value: what the cell is sorted by; a number that is None or not finite is missing and
            comes last, a text that is None is the shown one.
        note: smaller, below the text; line breaks are kept.
        muted: not a result, such as `not run`.
        link: what the text leads to, relative to the page.
        command: the text is to be copied into a terminal.
        bar: low end, middle and high end of an interval, drawn in place of the text.
    """

    text: str
    sort_value: float | str | None = None
    best: bool = False
    note: str = ""
    muted: bool = False
    link: str = ""
    command: bool = False
    bar: tuple[float, float, float] | None = None


UNDEFINED = PageCell("-", muted=True)
"""Cell of a number that does not exist."""


@dataclass(frozen=True)
class PageTable:
    """A table; the first cell of a row names it and stays visible.

    `id` is unique on the page: letters, digits and hyphens. With `filtered` a box above the table
    hides the rows without the text that is typed into it.
    """

    id: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[PageCell]]
    note: str = ""
    footnote: str = ""
    filtered: bool = False

    @property
    def reach(self) -> float:
        """Largest end of a bar, to either side of 0."""
        bars = [cell.bar for row in self.rows for cell in row if cell.bar]
        return max((abs(end) for bar in bars for end in bar), default=0.0) or 1.0

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of {self.id} has {len(row)} cells for {len(self.columns)} columns"
                )


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: an SVG drawing, or its file; `title` is read out in its place."""

    title: str
    caption: str
    svg: str | Path
    pdf: str = ""

    @property
    def is_wide(self) -> bool:
        """Tell whether it has a line of its own."""
        size = re.search('<svg [^>]*?width="([0-9.]+)pt"', self._content)
        return size is not None and float(size[1]) >= WIDE_POINTS

    @property
    def drawing(self) -> str:
        """The drawing after `<svg`, without a style of its own: it takes that of the page."""
        drawing = self._content[self._content.index("<svg ") + len("<svg") :]
        return re.sub("<style.*?</style>", "", drawing, flags=re.DOTALL)

    @cached_property
    def _content(self) -> str:
        return self.svg.read_text(encoding="utf-8") if isinstance(self.svg, Path) else self.svg


@dataclass(frozen=True)
class FigureGroup:
    """The figures of one data set."""

    name: str
    figures: Sequence[PageFigure]


@dataclass(frozen=True)
class PageProblem:
    """A run that failed or was left out, and the reason; paths are relative to the page."""

    folder: str
    reason: str
    log: str = ""


@dataclass(frozen=True)
class Page:
    """Content of the page; empty parts are left out.

    `answer` are the sentences and `headline` the figures that the page opens with; `details` are
    about few rows, and `details_note` says how to read them. Paths in `downloads` are relative to
    the page.
    """

    title: str
    answer: Sequence[str] = ()
    headline: Sequence[PageFigure] = ()
    summary: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    details: Sequence[PageTable] = ()
    comparisons: Sequence[PageTable] = ()
    batches: PageTable | None = None
    figures: Sequence[FigureGroup] = ()
    runs: PageTable | None = None
    problems: Sequence[PageProblem] = ()
    downloads: Sequence[tuple[str, str]] = ()
    details_note: str = ""


def render(page: Page) -> str:
    environment = page_environment(SHARED)
    environment.filters |= {"spans": _spans, "sort_key": _sort_key}
    return environment.get_template(TEMPLATE).render(page=page, long=SCROLL_ROWS)


def _spans(columns: Sequence[Column]) -> list[tuple[str | None, list[tuple[int, Column]]]]:
    """Return the groups of neighbouring columns, with the positions of these."""
    numbered = enumerate(columns)
    return [(group, list(span)) for group, span in groupby(numbered, lambda c: c[1].group)]


def _sort_key(cell: PageCell, column: Column) -> str | None:
    value = cell.sort_value
    if value is None:
        return None if column.numeric else cell.text or None
    return str(value) if isinstance(value, str) or math.isfinite(value) else None


def page_environment(folder: Path) -> Environment:
    """Load the templates in a folder, and those that all pages share, with all names escaped.

    Undefined names are errors.
    """
    return Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
