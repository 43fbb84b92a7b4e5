"""The notebooks run from their folder without an error, and are kept without output."""

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
QUICK = "1_quick_start"

SHORTER = {
    QUICK: ("epochs=6", "epochs=2"),
    "2_alpha": ("epochs = 8", "epochs = 2"),
    "4_results": ('"epochs": 12', '"epochs": 2'),
    "5_own_data": ("epochs=20", "epochs=3"),
}
"""What makes a notebook's trainings short; `make site` runs them as they are."""

LINE = 100
"""Characters, as everywhere in the project."""


def read(file: Path) -> NotebookNode:
    notebook = nbformat.read(file, as_version=nbformat.NO_CONVERT)
    assert isinstance(notebook, NotebookNode)
    return notebook


def faults(notebook: NotebookNode) -> list[str]:
    """What a notebook that is kept must not have."""
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError:
        return ["format"]
    found = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("kernel")
    cells = notebook.cells
    if not (cells and cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")):
        found.append("title")
    code = [cell for cell in cells if cell.cell_type == "code"]
    if sum(cell.cell_type == "markdown" for cell in cells) < len(code) / 2:
        found.append("explanations")
    if any(cell.get("outputs") or cell.get("execution_count") is not None for cell in code):
        found.append("output")
    if any(len(line) > LINE for cell in cells for line in cell.source.splitlines()):
        found.append("long line")
    return found


def execute(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NotebookNode:
    """As a user's Jupyter does, which starts a kernel in the notebook's folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    before = sorted(FOLDER.rglob("*"))
    notebook = read(file)
    shorten(notebook, *SHORTER.get(file.stem, ("", "")))
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    assert sorted(FOLDER.rglob("*")) == before, "it writes beside itself"
    return notebook


def shorten(notebook: NotebookNode, long: str, short: str) -> None:
    """Replace a length of training, which must be there."""
    assert any(long in cell.source for cell in notebook.cells)
    for cell in notebook.cells:
        if long and cell.cell_type == "code":
            cell.source = cell.source.replace(long, short)


def texts(notebook: NotebookNode) -> str:
    """What the cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") for output in outputs)


@pytest.mark.filterwarnings("ignore:.*encryption")  # of the connection to the kernel
@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs(file, tmp_path, monkeypatch):
    notebook = execute(file, tmp_path, monkeypatch)

    assert not re.search(r"\bError\b|Traceback", texts(notebook))
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_kept_clean_and_explained(file):
    assert faults(read(file)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_and_notebooks_that_it_links_to_are_there(file):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", "".join(c.source for c in read(file).cells))

    assert [link for link in links if not (FOLDER / link).is_file()] == []


def test_there_are_five():
    assert [file.stem for file in FILES] == [
        "1_quick_start",
        "2_alpha",
        "3_samplers",
        "4_results",
        "5_own_data",
    ]


def with_output(notebook: NotebookNode) -> None:
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="1\n")]


def with_a_count(notebook: NotebookNode) -> None:
    next(cell for cell in notebook.cells if cell.cell_type == "code").execution_count = 3


def without_title(notebook: NotebookNode) -> None:
    notebook.cells[0].source = "Train"


def without_words(notebook: NotebookNode) -> None:
    notebook.cells = notebook.cells[:1] + [c for c in notebook.cells if c.cell_type == "code"]


def of_another_kernel(notebook: NotebookNode) -> None:
    notebook.metadata.kernelspec.name = "my_environment"


def of_no_valid_cell(notebook: NotebookNode) -> None:
    del notebook.cells[1]["source"]


def with_a_long_line(notebook: NotebookNode) -> None:
    notebook.cells[1].source = "x = " + "1 + " * 40 + "1"


@pytest.mark.parametrize(
    ("breaking", "fault"),
    [
        (with_output, "output"),
        (with_a_count, "output"),
        (without_title, "title"),
        (without_words, "explanations"),
        (of_another_kernel, "kernel"),
        (of_no_valid_cell, "format"),
        (with_a_long_line, "long line"),
    ],
)
def test_a_broken_one_is_found(breaking: Callable[[NotebookNode], None], fault):
    notebook = deepcopy(read(FOLDER / f"{QUICK}.ipynb"))
    breaking(notebook)

    assert faults(notebook) == [fault]


@pytest.mark.filterwarnings("ignore:.*encryption")
def test_a_cell_that_fails_fails_the_test(tmp_path, monkeypatch):
    notebook = deepcopy(read(FOLDER / f"{QUICK}.ipynb"))
    notebook.cells = notebook.cells[:1]
    # What the notebooks do with a command, which raises nothing by itself.
    failing = '!"{sys.executable}" src/train.py method=adnui\n'
    reading = 'open("metrics.json")'
    for source in ("import sys", failing, reading):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    broken = tmp_path / "broken.ipynb"
    nbformat.write(notebook, broken)

    with pytest.raises(CellExecutionError):
        execute(broken, tmp_path, monkeypatch)
