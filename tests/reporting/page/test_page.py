"""What the page's HTML consists of; how it behaves is tested in a browser."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest

from aduni.reporting.page.html import (
    Column,
    FigureGroup,
    Page,
    PageCell,
    PageFigure,
    PageProblem,
    PageTable,
    render,
)

VOID = {"input", "meta", "link", "img", "br"}


class Tree(HTMLParser):
    """Start tags with their attributes and the text inside; refuses tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert len(attributes) == len(dict(attributes))
        self.tags.append((tag, dict(attributes)))
        self.texts.append("")
        if tag not in VOID:
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag):
        assert self.tags[self.open.pop()][0] == tag

    def handle_data(self, data):
        for position in self.open:
            self.texts[position] += data

    def all(self, *names: str) -> list[tuple[dict[str, str | None], str]]:
        """Attributes and text of the elements of some names."""
        pairs = zip(self.tags, self.texts, strict=True)
        return [(attributes, text.strip()) for (tag, attributes), text in pairs if tag in names]


def drawing(width: int, height: int) -> str:
    return (
        '<?xml version="1.0"?><!DOCTYPE svg>\n'
        f'<svg width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}">'
        "<style>:root{color:red}</style><path d='M 0 0'/></svg>"
    )


TABLE = PageTable(
    "methods",
    "Methods",
    [Column("Method"), Column("Accuracy", "ISIC", True), Column("F1", "ISIC", True)],
    [
        [PageCell("CE"), PageCell("0.80", 0.8, note="paper 0.84"), PageCell("0.70", 0.7)],
        [PageCell("AdUni"), PageCell("0.90", 0.9, best=True), PageCell("not run", muted=True)],
    ],
    note="Means over folds.",
    footnote="Bold is best.",
)
PAGE = Page(
    "Report",
    summary=[("Profile", "smoke")],
    warnings=["Splits differ."],
    tables=[TABLE],
    answer=["AdUni is ahead."],
    headline=[PageFigure("Differences", "Dots.", drawing(40, 20))],
    comparisons=[
        PageTable(
            "differences",
            "Differences",
            [Column("A - B"), Column("", numeric=True)],
            [[PageCell("AdUni - CE"), PageCell("", 0.1, bar=(-0.1, 0.1, 0.2))]],
            filtered=True,
        )
    ],
    batches=replace(TABLE, id="batches", title="Batches"),
    figures=[
        FigureGroup("ISIC", [PageFigure("Classes", "Counts.", drawing(40, 20), "figures/a.pdf")])
    ],
    runs=PageTable("runs", "Runs", [Column("Run")], [[PageCell("a", link="runs/a")]]),
    problems=[PageProblem("runs/b", "Disk full.", "runs/b/train.log")],
    downloads=[("CSV", "tables/methods.csv")],
)


def test_everything_is_shown():
    (_, text), *_ = Tree(render(PAGE)).all("body")
    for word in (
        "AdUni is ahead.",
        "Dots.",
        "smoke",
        "Splits differ.",
        "Counts.",
        "Disk full.",
        "CSV",
        "paper 0.84",
    ):
        assert word in text


def test_structure():
    tree = Tree(render(PAGE))
    ids = [attributes["id"] for _, attributes in tree.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = [a["href"][1:] for a, _ in tree.all("a") if a["href"].startswith("#")]
    assert len(anchors) == len(set(anchors)) == 12
    labels = [a["aria-labelledby"] for _, a in tree.tags if "aria-labelledby" in a]
    assert set(anchors) | set(labels) <= set(ids)
    assert len(tree.all("main")) == len(tree.all("nav")) == len(tree.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in tree.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert max(levels) == 3
    assert [drawn["aria-label"] for drawn, _ in tree.all("svg") if "class" not in drawn] == [
        "Differences, Report",
        "Classes, ISIC",
    ]


def test_the_answer_comes_first_and_what_was_run_last():
    ids = [a["id"] for a, _ in Tree(render(PAGE)).all("section") if "id" in a]
    assert ids[0] == "answer"
    assert ids.index("warnings") > ids.index("figures")
    assert ids[-2:] == ["summary", "downloads"]


def test_an_interval_is_drawn_to_the_tables_scale():
    line = [a for a, _ in Tree(render(PAGE)).all("line")][1]
    assert (line["x1"], line["x2"]) == ("-29.0", "58.0")  # -0.1 and 0.2 of 0.2, times 58


def test_empty_parts_are_left_out():
    tree = Tree(render(Page("Nothing yet")))
    assert not tree.all("section", "table", "li", "img", "h2")


def test_text_is_no_markup():
    nasty = '<script>alert("x")</script> & \'"'
    cell = PageCell(nasty, nasty, note=nasty)
    table = PageTable("t", nasty, [Column(nasty, nasty)], [[cell]], nasty, nasty)
    figure = PageFigure(nasty, nasty, drawing(1, 1), nasty)
    page = Page(nasty, summary=[(nasty, nasty)], warnings=[nasty], tables=[table])
    page = replace(page, figures=[FigureGroup(nasty, [figure])], downloads=[(nasty, nasty)])
    tree = Tree(render(replace(page, problems=[PageProblem(nasty, nasty, nasty)])))
    assert len(tree.all("script")) == 1
    assert len([text for _, text in tree.all("h1", "title", "dd", "small") if text == nasty]) == 4


def test_nothing_comes_from_elsewhere():
    tree = Tree(render(PAGE))
    for attributes, _ in tree.all("img", "link", "script"):
        source = attributes.get("src", attributes.get("href", "data:"))
        assert source.startswith("data:")
    assert "http:" not in render(PAGE)
    assert "https:" not in render(PAGE)
    policy = next(a for a, _ in tree.all("meta") if a.get("http-equiv"))
    assert "default-src 'none'" in policy["content"]


def test_links_lead_to_files_of_any_name():
    name = "runs/method=ce, 100 %#1?ü"
    page = Page("Report", problems=[PageProblem(name, "Failed.")])
    (link,) = (a["href"] for a, text in Tree(render(page)).all("a") if text == name)
    assert unquote(link) == name
    assert not set(link) & set("#? ü")


def test_columns_of_one_group_share_a_header():
    columns = [Column("Method"), Column("a", "X"), Column("b", "X"), Column("c", "Y"), Column("d")]
    tree = Tree(render(Page("P", tables=[PageTable("t", "T", columns, [])])))
    headers = [(text, a["scope"], a.get("colspan"), a.get("rowspan")) for a, text in tree.all("th")]
    assert headers == [
        ("Method", "col", None, "2"),
        ("X", "colgroup", "2", None),
        ("Y", "colgroup", "1", None),
        ("d", "col", None, "2"),
        ("a", "col", None, None),
        ("b", "col", None, None),
        ("c", "col", None, None),
    ]
    columns = {text: a.get("data-column") for a, text in tree.all("th")}
    assert columns == {"Method": "0", "a": "1", "b": "2", "c": "3", "d": "4", "X": None, "Y": None}


@pytest.mark.parametrize(
    ("numeric", "value", "key"),
    [
        (True, 0.25, "0.25"),
        (True, 0, "0"),
        (True, None, None),
        (True, float("nan"), None),
        (False, None, "shown"),
        (False, "key", "key"),
        (False, 3, "3"),
    ],
)
def test_what_a_cell_is_sorted_by(numeric, value, key):
    table = PageTable("t", "T", [Column("c", numeric=numeric)], [[PageCell("shown", value)]])
    cells = [a for a, text in Tree(render(Page("P", tables=[table]))).all("th") if text == "shown"]
    assert [cell.get("data-key") for cell in cells] == [key]


def test_a_figure_is_part_of_the_page_and_takes_its_style(tmp_path):
    (tmp_path / "a.svg").write_text(drawing(70, 40))
    figures = [PageFigure("A", "", drawing(70, 40)), PageFigure("B", "", tmp_path / "a.svg")]
    page = render(Page("P", figures=[FigureGroup("G", figures)]))
    assert page.count("<path d='M 0 0'/></svg>") == 2
    assert ":root{color:red}" not in page
    drawings = [attributes for attributes, _ in Tree(page).all("svg")]
    assert [attributes["aria-label"] for attributes in drawings] == ["A, G", "B, G"]
    assert all(attributes["width"] == "70pt" for attributes in drawings)
    with pytest.raises(FileNotFoundError):
        render(Page("P", figures=[FigureGroup("G", [PageFigure("A", "", Path("gone.svg"))])]))


def test_narrow_figures_come_first():
    widths = {"A": 432, "B": 431, "C": 504, "D": 252}
    figures = [PageFigure(title, "", drawing(width, 1)) for title, width in widths.items()]
    tree = Tree(render(Page("P", figures=[FigureGroup("G", figures)])))
    labels = [drawn["aria-label"] for drawn, _ in tree.all("svg")]
    assert labels == ["B, G", "D, G", "A, G", "C, G"]
    pictures = [(a["class"] or "").split() for a, _ in tree.all("figure")]
    assert ["wide" in classes for classes in pictures] == [False, False, True, True]


def test_the_best_is_bold_and_a_gap_is_muted():
    tree = Tree(render(replace(PAGE, headline=(), comparisons=(), batches=None)))
    assert [text for _, text in tree.all("strong")] == ["0.90", "Classes."]
    muted = [text for a, text in tree.all("td") if "muted" in (a["class"] or "").split()]
    assert muted == ["not run"]


def test_a_row_has_a_cell_for_each_column():
    with pytest.raises(ValueError, match="a row of t has 1 cells for 2 columns"):
        PageTable("t", "T", [Column("a"), Column("b")], [[PageCell("1")]])


def _luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out(scheme):
    block = re.findall(r":root \{(.*?)\}", render(PAGE), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    pairs = [(text, back) for text in ("ink", "muted", "link") for back in ("paper", "tint")]
    for text, back in [*pairs, ("ink", "alert")]:
        bright, dark = sorted((_luminance(colours[text]), _luminance(colours[back])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {back}"
