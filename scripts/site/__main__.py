"""Build the documentation site into build/site/html: python scripts/site.

The pages are collected in build/site/pages: docs/, the notebooks, README.md and its neighbours as
they are, but with links that work on the site; those of site/; and those that are written from the
code and from conf/. NOTEBOOKS=off leaves the notebooks unexecuted, NOTEBOOKS=force executes them
although their results are in build/site/notebooks.
"""

import json
import shutil
import sys
from pathlib import Path

from check import faults
from links import rewrite
from method_pages import method_pages
from reference import lazy_names, reference_pages
from source_pages import ROOT
from sphinx.cmd.build import build_main

HERE = Path(__file__).parent

ORPHAN = "---\norphan: true\n---\n"
"""Of the list of pages, which is the side bar's here."""


def placed_pages() -> dict[Path, Path]:
    """Return the place on the site of every file that becomes a page."""
    patterns = ("*.md", "docs/**/*.md", "results/*.md", "notebooks/*.ipynb")
    files = sorted(file for pattern in patterns for file in ROOT.glob(pattern))
    pages = {file: file.relative_to(ROOT) for file in files}
    return pages | {file: Path(file.name) for file in sorted(ROOT.glob("site/*.md"))}


def collect(folder: Path) -> None:
    """Write all pages and pictures below a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = placed_pages()
    for file, place in pages.items():
        write(folder / place, converted(file, place, pages))
    for name, text in reference_pages():
        write(folder / "api" / name, text)
    for name, text in method_pages():
        write(folder / "methods" / name, text)
    for picture in ROOT.glob("docs/pictures/*"):
        write(folder / picture.relative_to(ROOT), picture.read_bytes())


def write(file: Path, content: str | bytes) -> None:
    """Write a file, with its folders."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def converted(file: Path, place: Path, pages: dict[Path, Path]) -> str:
    """Return a page, or a notebook, with links that work on the site."""
    text = file.read_text()
    if file.suffix == ".md":
        return ORPHAN * (file == ROOT / "docs" / "README.md") + rewrite(text, file, place, pages)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewrite("".join(cell["source"]), file, place, pages)
    return json.dumps(notebook)


def main(target: Path) -> int:
    """Build and check the site; return the exit status."""
    pages, html = target / "pages", target / "html"
    collect(pages)
    shutil.rmtree(html, ignore_errors=True)
    arguments = ["-q", "-E", "-W", "--keep-going", "-c", str(HERE), "-d", str(target / "doctrees")]
    if status := build_main([*arguments, str(pages), str(html)]):
        return status
    found = faults(html, lazy_names())
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{'Faulty' if found else 'Built'}: {html / 'index.html'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()))
