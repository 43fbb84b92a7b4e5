"""Check that every link of the documentation leads to a file, a heading or code that exists."""

import ast
import importlib
import re
from pathlib import Path

import pytest

LINK = r"\[([^\]\[]*)\]\(([^()\s]+)\)"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE):
        words = re.sub(LINK, r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", each) is not None for each in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


def names_in(file: Path) -> set[str]:
    """Return the functions, classes, methods and constants of a Python file."""

    def collect(body: list[ast.stmt], prefix: str) -> set[str]:
        found: set[str] = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                found |= collect(node.body, f"{prefix}{node.name}.")
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {prefix + t.id for t in targets if isinstance(t, ast.Name)}
        return found

    return collect(ast.parse(file.read_text()).body, "")


def complaints(page: Path, text: str) -> list[str]:
    """Return a sentence for each wrong link of a page."""
    wrong = []
    for words, target in re.findall(LINK, text):
        place, _, anchor = target.partition("#")
        file = page.parent / place if place else page
        name = re.fullmatch(r"`([\w.]+)`", words)
        if re.match(r"\w+:", target):
            if not target.startswith("https://"):
                wrong.append(f"{target} is not https")
        elif not file.exists():
            wrong.append(f"{target} does not exist")
        elif anchor and anchor not in anchors(file):
            wrong.append(f"{target}: no such heading")
        elif name and file.suffix == ".py" and name[1] not in names_in(file):
            wrong.append(f"{place} has no {name[1]}")
    return wrong


def test_links_lead_to_files_headings_and_code(page, prose):
    assert complaints(page, prose(page)) == []


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[words](docs/nothing.md)", "docs/nothing.md does not exist"),
        ("[words](README.md#nowhere)", "README.md#nowhere: no such heading"),
        ("[words](http://example.org)", "http://example.org is not https"),
        ("[`nothing`](src/train.py)", "src/train.py has no nothing"),
        ("[words](README.md#training)", None),
        ("[`main`](src/aduni/__main__.py)", None),
        ("[`TrainedModel.image_size`](src/aduni/evaluation/trained_model.py)", None),
    ],
)
def test_a_wrong_link_is_found(root, link, complaint):
    assert complaints(root / "README.md", link) == ([complaint] if complaint else [])


def test_files_that_are_named_exist(root, page, prose):
    """`src/aduni/training/run.py`, and in short `losses/softmax.py`, `commands/test_kills.py`.

    Capitals and /my stand for names of the reader's; pages with examples name files to be
    written.
    """
    bases = [root, root / "src" / "aduni", root / "tests"]
    named = re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|yaml|ipynb|lock|toml))`", prose(page))
    examples = "```yaml" in page.read_text()

    given = [name for name in named if not re.search(r"\b[A-Z]{2,}\b|^/my/", name)]
    missing = [name for name in given if not any((base / name).exists() for base in bases)]
    assert missing == [] or examples


def test_modules_that_are_named_exist(root, page, prose):
    """`aduni.losses.softmax.focal`, `aduni.metrics.classification`, `aduni.methods.PaCo`."""
    for name in re.findall(r"`(aduni(?:\.\w+)+)`", prose(page)):
        parent, _, last = name.rpartition(".")
        package = root / "src" / Path(*name.split("."))
        is_module = package.is_dir() or package.with_suffix(".py").exists()
        assert is_module or hasattr(importlib.import_module(parent), last), name
