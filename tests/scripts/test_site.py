"""The documentation site: built without a warning, whole, and complete without another host."""

import os
import runpy
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "scripts" / "site"


@pytest.fixture(scope="module", autouse=True)
def modules():
    """Import the script's modules by their names, as the script does."""
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


@pytest.fixture(scope="module")
def check():
    return runpy.run_path(str(SITE / "check.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Build the site without executing the notebooks; the script checks it, too."""
    target = tmp_path_factory.mktemp("site")
    environment = os.environ | {"NOTEBOOKS": "off"}
    command = [sys.executable, str(SITE), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done, target / "html"


@pytest.mark.slow
def test_it_is_built_without_a_warning_and_without_a_fault(built):
    done, html = built
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert (html / "index.html").is_file()


@pytest.mark.slow
def test_lazily_resolved_names_have_an_entry(built, check):
    entries = check["inventory"](built[1] / "objects.inv")
    names = {
        f"{package}.{name}"
        for package, exported in runpy.run_path(str(SITE / "reference.py"))["lazy_names"]().items()
        for name in exported
    }
    assert {"aduni.losses.focal", "aduni.methods.PaCo", "aduni.data.ISIC2018"} <= names
    assert names <= entries


@pytest.mark.slow
def test_every_page_of_the_documentation_and_every_method_is_on_it(built):
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    expected = {page.relative_to(ROOT).with_suffix(".html") for page in pages}
    expected |= {Path("methods", f"{file.stem}.html") for file in ROOT.glob("conf/method/*.yaml")}
    assert {page for page in expected if not (built[1] / page).is_file()} == set()


def test_every_page_of_the_documentation_is_in_the_contents():
    contents = (ROOT / "site" / "index.md").read_text()
    files = {page.relative_to(ROOT) for page in ROOT.glob("docs/**/*.md")}
    pages = {str(file.with_suffix("")) for file in files} - {"docs/README"}
    missing = [page for page in sorted(pages) if f"\n{page}\n" not in contents]
    assert missing == [], "name it in a list of contents of site/index.md"


@pytest.mark.slow
def test_formulas_are_written_out_and_search_has_an_index(built):
    assert "<math" in (built[1] / "docs" / "method.html").read_text()
    assert (built[1] / "searchindex.js").stat().st_size > 100_000


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="b.html#here">x</a>', None),
        ('<a href="https://example.org">x</a><img src="data:image/png;base64,x">', None),
        ('<a href="c.html">x</a>', "a.html: c.html does not exist"),
        ('<a href="b.html#there">x</a>', "a.html: b.html#there has no such anchor"),
        ('<script src="https://x.org/a.js"></script>', "a.html: loads https://x.org/a.js"),
        ('<link rel="stylesheet" href="//x.org/a.css">', "a.html: loads //x.org/a.css"),
        ('<img src="http://x.org/a.png">', "a.html: loads http://x.org/a.png"),
    ],
)
def test_a_fault_is_found(tmp_path, check, page, fault):
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<h1 id="here">x</h1>')
    write_inventory(tmp_path, "aduni.losses.focal")
    assert check["faults"](tmp_path, {"aduni.losses": ["focal"]}) == ([fault] if fault else [])


def test_a_font_of_another_host_and_a_missing_name_are_found(tmp_path, check):
    (tmp_path / "a.css").write_text("@font-face { src: url('https://x.org/a.woff2'); }")
    write_inventory(tmp_path, "aduni.losses.focal")
    assert check["faults"](tmp_path, {"aduni.losses": ["focal", "ldam"]}) == [
        "a.css: loads https://x.org/a.woff2",
        "aduni.losses.ldam is not in the reference",
    ]


def write_inventory(folder: Path, name: str) -> None:
    lines = zlib.compress(f"{name} py:function 1 api/aduni.losses.html#$ -\n".encode())
    (folder / "objects.inv").write_bytes(b"# a\n# b\n# c\n# d\n" + lines)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[x](faq.md#losses)", "[x](/docs/faq.md#losses)"),
        ("[x](../README.md)", "[x](/README.md)"),
        ("[x](../notebooks)", "[x](/tutorials.md)"),
        ("[x](https://example.org)", "[x](https://example.org)"),
        ("[x](#here)", "[x](#here)"),
        ("    a[x](b.md)", "    a[x](b.md)"),
        ("[x](../LICENSE)", '<a href="../source/LICENSE.html">x</a>'),
    ],
)
def test_links_are_rewritten_for_the_site(link, expected):
    rewrite = runpy.run_path(str(SITE / "links.py"))["rewrite"]
    pages = {ROOT / name: Path(name) for name in ("README.md", "docs/faq.md", "docs/method.md")}
    page = ROOT / "docs" / "method.md"
    assert rewrite(link, page, Path("docs/method.md"), pages) == expected


def test_a_link_to_code_leads_to_its_line():
    names = runpy.run_path(str(SITE / "links.py"))
    file = ROOT / "src" / "aduni" / "methods" / "paco.py"
    line = names["line_of"](file, "PaCo.loss")
    assert file.read_text().splitlines()[line - 1].strip().startswith("def loss(")
    assert names["line_of"](file, "nothing") == 0


def test_docstrings_are_read_as_plain_text():
    convert = runpy.run_path(str(SITE / "docstrings.py"))["as_restructured_text"]
    lines = [
        "Weigh |P(i)| * `a|b`.",
        "",
        "loss = a",
        "       + b",
        "",
        "Args:",
        "    s: scale.",
        "",
    ]
    assert convert(lines) == [
        *(r"Weigh \|P(i)\| \* `a|b`.", ""),
        *("::", "", "    loss = a", "           + b", ""),
        *("Args:", "    s: scale.", ""),
    ]


def test_the_page_of_a_method_has_its_comment_and_class():
    pages = dict(runpy.run_path(str(SITE / "method_pages.py"))["method_pages"]())
    for name, target in {"focal": "Softmax", "cicl": "CICL"}.items():
        assert f"autoclass:: aduni.methods.{target}\n" in pages[f"{name}.md"]
    assert pages["cicl.md"].startswith("# cicl\n\nCICL: supervised contrastive loss, then")
    assert "al. 2021). |\n" in pages["index.md"]
