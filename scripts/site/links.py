"""Rewrite the links of a page, which lead through the repository, for the site."""

import ast
import os
import re
from pathlib import Path

from source_pages import ROOT, address

LINK = re.compile(r"(```.*?^```|^ {4}.*?$)|\[([^\]\[]*)\]\(([^()\s]+)\)", re.DOTALL | re.MULTILINE)
FOLDERS = {"notebooks": "tutorials.md", "results": "results/README.md", "docs": "docs/README.md"}


def rewrite(text: str, page: Path, target: Path, pages: dict[Path, Path]) -> str:
    """Return a page's text with links that work on the site.

    Args:
        page: file in the repository, which its links start from.
        target: its place on the site.
        pages: place on the site of every file that is a page there.
    """

    def replace(match: re.Match[str]) -> str:
        code, words, link = match.groups()
        if code or re.match(r"\w+:|#", link):
            return match[0]
        name, _, anchor = link.partition("#")
        file = (page.parent / name).resolve()
        if file.is_dir():
            return f"[{words}](/{FOLDERS[str(file.relative_to(ROOT))]})"
        if file in pages:
            words = title_of(file) if words in (name, file.name) else words
            return f"[{words}](/{pages[file]}{'#' * bool(anchor)}{anchor})"
        if match.string[match.start() - 1 : match.start()] == "!":
            return f"[{words}](/{file.relative_to(ROOT)})"
        return _to_source(words, file, target)

    return LINK.sub(replace, text)


def title_of(file: Path) -> str:
    """Return the first heading of a page; the file's name if it has none."""
    heading = re.search(r"^# (.+)$", file.read_text(), re.MULTILINE)
    return heading[1] if heading and file.suffix == ".md" else file.name


def _to_source(words: str, file: Path, target: Path) -> str:
    code = re.fullmatch(r"`([\w.]+)`", words)
    line = line_of(file, code[1]) if code and file.suffix == ".py" else 0
    label = f"<code>{code[1]}</code>" if code else words
    place = os.path.relpath(address(file, line), target.parent)
    return f'<a href="{place}">{label}</a>'


def line_of(file: Path, name: str) -> int:
    """Return the line that defines a name such as `PaCo.loss`, 0 if there is none."""
    body = ast.parse(file.read_text()).body
    line = 0
    for part in name.split("."):
        for node in body:
            names = {getattr(node, "name", "")}
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {each.id for each in targets if isinstance(each, ast.Name)}
            if part in names:
                line, body = node.lineno, getattr(node, "body", [])
                break
        else:
            return 0
    return line
