"""Test that the previous report stays complete until the new one is."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aduni.system.atomic_folder import atomic_folder

OLD = {
    "index.html": "old page",
    "tables/methods.csv": "old table",
    "figures/isic/gone.png": "old figure",
    "runs/a/metrics.json": "a run",
    "status.txt": "of somebody else",
}
NEW = {"index.html": "new page", "tables/methods.csv": "new table", "figures/isic/new.png": "new"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): f.read_text() for f in files if f.name != ".report.lock"}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "report", OLD)
    return tmp_path / "report"


def test_the_new_report_takes_the_place_of_the_old_one(folder):
    with atomic_folder(folder) as temporary:
        assert temporary.parent == folder
        assert temporary.name.startswith(".")
        write(temporary, NEW)
        assert content(temporary) == NEW
        assert {name: (folder / name).read_text() for name in OLD} == OLD
    kept = {name: OLD[name] for name in ("runs/a/metrics.json", "status.txt")}
    assert content(folder) == NEW | kept
    assert not temporary.exists()


def test_the_first_report(tmp_path):
    with atomic_folder(tmp_path / "a" / "b") as temporary:
        write(temporary, NEW)
    assert content(tmp_path / "a" / "b") == NEW


def test_the_page_moves_last(folder, monkeypatch):
    moved = []
    monkeypatch.setattr(os, "replace", lambda source, target: moved.append(target.name))
    with atomic_folder(folder) as temporary:
        write(temporary, NEW)
    assert moved == ["new.png", "methods.csv", "index.html"]


@pytest.mark.parametrize(
    "error", [OSError("disk full"), KeyboardInterrupt("stop"), ValueError("wrong")]
)
def test_a_failure_leaves_the_old_report(folder, error):
    def broken():
        with atomic_folder(folder) as temporary:
            write(temporary, NEW)
            raise error

    with pytest.raises(type(error), match=str(error)):
        broken()
    assert content(folder) == OLD


def test_a_new_name_that_finds_no_space_leaves_the_old_report(folder, monkeypatch):
    replace = os.replace

    def full(source, target):
        if target.name == "z.csv":
            raise OSError(errno.ENOSPC, "disk full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"), atomic_folder(folder) as temporary:
        write(temporary, NEW | {"tables/a.csv": "a", "tables/z.csv": "z"})
    assert content(folder) == OLD


FILL = """
import resource, sys
from pathlib import Path
from aduni.system.atomic_folder import atomic_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with atomic_folder(Path(sys.argv[1])) as temporary:
    (temporary / "tables").mkdir()
    (temporary / "tables" / "methods.csv").write_text("small enough")
    (temporary / "index.html").write_text("x" * 20_000)
"""
DIE = """
import os, signal, sys
from pathlib import Path
from aduni.system.atomic_folder import atomic_folder
with atomic_folder(Path(sys.argv[1])) as temporary:
    (temporary / "index.html").write_text("half a pa")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_full_disk_leaves_the_old_report(folder):
    result = run(FILL, folder)
    assert result.returncode == 1
    assert "OSError: [Errno 27]" in result.stderr
    assert content(folder) == OLD


def test_what_a_killed_process_left_is_removed_by_the_next(folder):
    assert run(DIE, folder).returncode == -9
    left = set(content(folder)) - set(OLD)
    assert len(left) == 1
    assert {name: text for name, text in content(folder).items() if name in OLD} == OLD
    with atomic_folder(folder) as temporary:
        assert list(folder.glob(".report-*")) == [temporary]
        write(temporary, NEW)
    assert not list(folder.glob(".report-*"))


def test_a_second_report_waits_for_the_first(folder):
    def second():
        with atomic_folder(folder) as temporary:
            write(temporary, {"index.html": "second"})

    thread = threading.Thread(target=second)
    with atomic_folder(folder) as temporary:
        write(temporary, NEW)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
        assert content(temporary) == NEW
    thread.join(timeout=30)
    assert content(folder)["index.html"] == "second"
