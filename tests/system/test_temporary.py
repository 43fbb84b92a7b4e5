"""Test that each writer has its own temporary name, and that leftovers of killed ones go away."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aduni.system.atomic_files import atomic_write
from aduni.system.temporary import final_name, temporary_name

SRC = Path(__file__).resolve().parents[2] / "src"

# Writes half, waits for a line on standard input, and writes the other half.
WRITER = """
import sys
from pathlib import Path
from aduni.system.atomic_files import atomic_write

path, letter = Path(sys.argv[1]), sys.argv[2]
with atomic_write(path) as temporary, temporary.open("w") as file:
    file.write(1000 * letter)
    file.flush()
    print(temporary.name, flush=True)
    sys.stdin.readline()
    file.write(1000 * letter)
"""


@pytest.fixture
def writer():
    """Start a process that has written half of a file when the call returns."""
    started = []

    def start(path: Path, letter: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), letter],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SRC)},
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_of_two_processes_that_write_one_file_each_writes_it_whole(writer, tmp_path):
    path = tmp_path / "predictions.csv"
    first, first_name = writer(path, "a")
    second, second_name = writer(path, "b")
    assert first_name != second_name

    first.communicate("\n")
    assert first.returncode == 0
    assert path.read_text() == 2000 * "a"
    second.communicate("\n")
    assert second.returncode == 0
    assert path.read_text() == 2000 * "b"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_threads_that_write_one_file_each_writes_it_whole(tmp_path):
    path, begun = tmp_path / "table.csv", threading.Barrier(2)
    errors = []

    def write(letter: str) -> None:
        try:
            with atomic_write(path) as temporary, temporary.open("w") as file:
                for _ in range(2):
                    begun.wait(timeout=30)
                    file.write(1000 * letter)
                    file.flush()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=letter) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    assert path.read_text() in (2000 * "a", 2000 * "b")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_by_the_next_write(writer, tmp_path):
    path = tmp_path / "best.ckpt"
    killed, name = writer(path, "a")
    killed.kill()
    killed.communicate()
    assert [file.name for file in tmp_path.iterdir()] == [name]

    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_running_process_writes_stays(writer, tmp_path):
    path = tmp_path / "best.ckpt"
    running, name = writer(path, "a")
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert {file.name for file in tmp_path.iterdir()} == {"best.ckpt", name}

    running.communicate("\n")
    assert path.read_text() == 2000 * "a"


def test_what_another_machine_writes_stays_for_a_day(tmp_path, monkeypatch):
    path = tmp_path / "best.ckpt"
    other = tmp_path / ".best.ckpt.999999999-1-0123abcd.part"
    other.write_text("half")
    temporary_name(path)
    assert other.exists()

    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 25 * 3600)
    temporary_name(path)
    assert not other.exists()


@pytest.mark.parametrize(
    "name",
    [
        ".best.ckpt.part",  # a user's own
        ".best.ckpt.notes.part",
        ".other.ckpt.999999999-1-0123abcd.part",
        "best.ckpt.999999999-1-0123abcd.part",
        ".best.ckpt.999999999-1-0123abcd",
    ],
)
def test_other_files_stay(name, tmp_path, monkeypatch):
    (tmp_path / name).write_text("somebody's")
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 25 * 3600)
    temporary_name(tmp_path / "best.ckpt")
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🫁", "\udce9"])
def test_the_longest_names_that_a_disk_takes_can_be_written(letter, tmp_path):
    length = 250 // len(os.fsencode(letter))
    path = tmp_path / f"{length * letter}.csv"
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_temporary_name_tells_the_final_one(tmp_path):
    assert final_name(temporary_name(tmp_path / "metrics.json").name) == "metrics.json"
    assert final_name("metrics.json") is None
    assert final_name(".metrics.json.part") is None
