"""Fixtures that find and read the repository's Markdown pages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "results", "notebooks", "site")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that takes a `page` on every page."""
    if "page" in metafunc.fixturenames:
        names = [str(page.relative_to(ROOT)) for page in PAGES]
        metafunc.parametrize("page", PAGES, ids=names)


@pytest.fixture
def root() -> Path:
    """Return the root of the repository."""
    return ROOT


@pytest.fixture
def prose() -> Callable[[Path], str]:
    """Return a function that reads a page without its fenced and indented code blocks."""

    def read(page: Path) -> str:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)

    return read
