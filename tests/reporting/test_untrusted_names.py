"""Names from a data set are text in whatever a report writes."""

import html.parser
from pathlib import Path

import pandas as pd
import pytest

from aduni.reporting.build import build_report
from aduni.reporting.inputs import Sources
from aduni.reporting.tables.definitions import Definition, Row
from hand_made import make_run

SCRIPT = "<script>alert('x')</script>"
ATTRIBUTE = '" onmouseover="alert(1)'
FORMULA = "=cmd|'x'!A1"
pytestmark = pytest.mark.usefixtures("blank_figures")


class Elements(html.parser.HTMLParser):
    """Tags and the names of attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def report(tmp_path) -> Path:
    """Of two runs whose folders, classes, data set and row have such names."""
    root = tmp_path / "out"
    classes = (SCRIPT, ATTRIBUTE, FORMULA)
    for fold in (0, 1):
        folder = root / f"run{fold} <img src=x onerror=alert(1)>{ATTRIBUTE}"
        labels = [0, 0, 1, 1, 2, 2]
        make_run(
            folder, labels=labels, predicted=labels, fold=fold, classes=classes, dataset="=<b>toy"
        )
    damaged = root / f"damaged {ATTRIBUTE} <script>"
    damaged.mkdir()
    (damaged / "metrics.json").write_text("{")
    definition = Definition(
        title=SCRIPT,
        rows=tuple(
            Row(name=name, overrides=("method=ce", "sampler=none"), paper={"toy": {}})
            for name in (FORMULA, ATTRIBUTE)
        ),
    )
    definitions = {"methods": definition, "sampling": definition}
    return build_report(Sources(root, root, definitions), "stamp").parent


def test_a_report_takes_no_name_for_markup_or_a_formula(report):
    page = Elements((report / "index.html").read_text())

    assert page.tags.count("script") == 1  # the page's own
    assert not {"onmouseover", "onerror"} & page.attributes
    assert "b" not in page.tags
    for file in sorted((report / "tables").glob("*.csv")):
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        for column in frame.columns:
            if pd.to_numeric(frame[column], errors="coerce").isna().any():
                assert not frame[column].str.startswith(("=", "+", "@")).any(), (file, column)
    assert f"'{FORMULA}" in (report / "tables" / "tables.csv").read_text()


def test_no_figure_leaves_the_report(tmp_path):
    root = tmp_path / "out" / "inner"
    labels = [0, 0, 1, 1, 2, 2]
    for dataset in ("../../elsewhere", "x" * 300):
        make_run(root / f"run{len(dataset)}", labels=labels, predicted=labels, dataset=dataset)
    row = Row(name="CE", overrides=("method=ce",))
    definitions = {"methods": Definition(title="Methods", rows=(row,))}
    build_report(Sources(root, root, definitions), "stamp")

    drawn = {path.parent for path in tmp_path.rglob("*") if path.suffix in (".png", ".pdf")}
    assert drawn == {root / "figures"}
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert not list(Path("/tmp").glob("elsewhere*"))
