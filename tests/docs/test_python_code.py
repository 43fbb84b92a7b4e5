"""The Python of docs/python.md and docs/parts.md runs as it stands, from top to bottom."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs"


def code_of(page: str) -> str:
    """All Python of a page; line numbers are those of the page."""
    lines, inside = [], False
    for line in (DOCS / page).read_text().splitlines():
        fence = line.startswith("```")
        lines.append("" if fence or not inside else line)
        inside = line == "```python" if fence else inside
    return "\n".join(lines)


@pytest.fixture
def photos(tmp_path):
    """Pictures of three classes in folders, where the page's code finds them."""
    rng = np.random.default_rng(0)
    for name, count, level in (("dark", 40, 0), ("grey", 24, 70), ("light", 12, 140)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(level, level + 90, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec")
def test_python(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADUNI_CACHE", str(tmp_path / "cache"))
    exec(compile(code_of("python.md"), "docs/python.md", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "model.onnx").is_file()
    assert (tmp_path / "report" / "index.html").is_file()
    assert re.search(r"<Run aduni on photos, fold 0: macro F1 0\.\d+", capsys.readouterr().out)


def test_parts(capsys):
    exec(compile(code_of("parts.md"), "docs/parts.md", "exec"), {})
    value, interval, score = re.fullmatch(
        r"(0\.\d+) \((0\.\d+, 0\.\d+)\)\n(0\.\d+)\n", capsys.readouterr().out
    ).groups()
    low, high = map(float, interval.split(", "))
    assert low < float(value) < high
    assert float(score) > 0.5
