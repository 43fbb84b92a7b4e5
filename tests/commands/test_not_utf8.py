"""Names that are not UTF-8: refused by name where a table or a page must hold them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SRC = Path(__file__).resolve().parents[2] / "src"
ONE_RUN = ("tables=1", "profile.rows=[CE]", "profile.folds=[0]", "profile.features=[]")
LATIN = os.fsdecode(b"caf\xe9")
COMMANDS = {
    "train": (f"hydra.run.dir={LATIN}",),
    "prepare": ("dataset=folder", f"dataset.root={LATIN}"),
    "predict": (f"ckpt={LATIN}.ckpt", "images=x", "output=x.csv"),
    "evaluate": ("ckpt=x.ckpt", f"output={LATIN}"),
    "explain": ("ckpt=x.ckpt", f"images=[a.png,{LATIN}.png]"),
    "export": ("ckpt=x.ckpt", f"output='{LATIN}.onnx'"),
    "report": (f"runs={LATIN}",),
    "reproduce": ("status", f"output={LATIN}"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_word_of_the_command_line_is_refused(name, command):
    finished = command(name, *COMMANDS[name])

    assert finished.status == 1
    assert "caf\\xe9" in finished.err
    assert "is not UTF-8; give the file or folder another name" in finished.err
    assert finished.err.count("\n") == 1


@pytest.fixture
def folders(tmp_path) -> Path:
    """Images in folders of two classes."""
    for number in range(4):
        for name in ("a", "b"):
            file = tmp_path / "images" / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 20), (number, number, 0)).save(file)
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [("a", LATIN, "caf"), ("a/1.png", f"a/{LATIN}.png", "a/caf\\xe9.png")],
    ids=["class", "image"],
)
def test_a_data_set_is_refused(folders, old, new, shown, make_data, refusal):
    (folders / old).rename(folders / new)
    refusal(lambda: make_data("folder", folders).table, shown)


@pytest.mark.slow
def test_images_to_predict_are_escaped(folders, past_run, command, tmp_path):
    """The folder above has a name that the command line can hold."""
    (folders / "a").rename(folders / LATIN)
    run = past_run("epochs=1", "method=ce")
    table = tmp_path / "p.csv"
    options = (f"ckpt={run}/checkpoints/best.ckpt", f"images={folders}", f"output={table}")
    finished = command("predict", *options)

    assert finished.status == 0, finished.err
    assert "caf\\xe9/1.png" in table.read_text()


def test_a_report_names_the_run(command, tmp_path):
    run = tmp_path / "runs" / LATIN
    run.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps({}))
    finished = command("report", f"runs={tmp_path / 'runs'}")

    assert finished.status == 1
    assert "caf\\xe9 has a name that is not UTF-8" in finished.err
    assert finished.err.count("\n") == 1


@pytest.mark.slow
def test_a_command_in_a_folder_of_such_a_name_works(tmp_path, cache):
    place = tmp_path / LATIN
    place.mkdir()
    status = subprocess.run(
        [sys.executable, SRC / "reproduce.py", "status", *ONE_RUN],
        capture_output=True,
        check=False,
        cwd=place,
        env={**os.environ, "ADUNI_CACHE": str(cache)},
    )
    assert status.returncode == 0, status.stderr
