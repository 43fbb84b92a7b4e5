"""Nobody reads what a command prints: its work is done all the same, without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
ENDINGS = {
    "the reader ends at once": "| true",
    "the reader ends early": "| head -1",
    "closed": ">&-",
    "closed with standard error": ">&- 2>&-",
    "all closed": ">&- 2>&- <&-",
}


def run(name: str, options: str, ending: str, **environment: str) -> tuple[int, str]:
    """Exit status of the command itself, and what standard error has."""
    command = f"set -o pipefail; {sys.executable} {SRC / name}.py {options} {ending}"
    finished = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=SRC.parent,
        env={**os.environ, **environment},
    )
    return finished.returncode, finished.stderr


@pytest.mark.skipif(os.name != "posix", reason="a shell of its own")
class TestOutput:
    @pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_help(self, ending, unbuffered):
        assert run("train", "--help", ending, PYTHONUNBUFFERED=unbuffered) == (0, "")

    def test_a_full_disk_under_standard_output_is_told(self):
        if not Path("/dev/full").exists():
            pytest.skip("Linux has it")
        sentence = "error: standard output: No space left on device; free space there.\n"
        assert run("train", "--help", "> /dev/full") == (1, sentence)

    def test_a_full_disk_under_standard_error_changes_nothing(self):
        if not Path("/dev/full").exists():
            pytest.skip("Linux has it")
        assert run("train", "--halp", "2> /dev/full") == (2, "")

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
    def test_predictions_are_written(self, past_run, tmp_path, ending):
        made = past_run("epochs=1", "method=ce")
        (tmp_path / "images").mkdir()
        for number in range(3):
            _picture(tmp_path / "images" / f"{number}.png")
        table = tmp_path / "predictions.csv"
        options = f"ckpt={made}/checkpoints/best.ckpt images={tmp_path}/images output={table}"
        status, errors = run("predict", options, ending)

        assert (status, errors) == (0, "")
        assert len(pd.read_csv(table)) == 3

    @pytest.mark.slow
    def test_a_training_is_finished(self, quick, cache, tmp_path):
        options = " ".join((*quick, f"dataset.cache_dir={cache}", f"hydra.run.dir={tmp_path}/run"))
        status, errors = run("train", options, "| head -1")

        assert (status, errors) == (0, "")
        assert (tmp_path / "run" / "metrics.json").exists()

    def test_names_that_the_terminal_cannot_show_are_escaped(self, tmp_path):
        status, errors = run(
            "predict",
            f"ckpt=中文.ckpt images=x output={tmp_path}/p.csv",
            "",
            PYTHONIOENCODING="ascii",
        )
        assert status == 1
        assert "\\u4e2d\\u6587.ckpt" in errors
        assert "Traceback" not in errors


def _picture(file: Path) -> None:
    from PIL import Image

    Image.new("RGB", (20, 20)).save(file)
