"""The notebook's cells run on a run folder; it is kept without output."""

import contextlib
import json

import pytest


@pytest.fixture
def cells(root):
    notebook = json.loads((root / "notebooks" / "run_folder.ipynb").read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_reads_a_run(cells, train, root, monkeypatch):
    _, run = train("epochs=1")
    monkeypatch.setenv("ADUNI_RUN", str(run))
    names: dict[str, object] = {}
    with contextlib.chdir(root / "notebooks"):
        for cell in cells:
            exec("".join(cell["source"]), names)

    assert names["macro_f1"] == pytest.approx(names["metrics"]["test"]["macro_f1"])


def test_it_is_kept_without_output(cells):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
