"""Search for image files, and the pixels that a model gets."""

import contextlib
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aduni.inference.images import device, image_files, read_image


@pytest.fixture
def folder(tmp_path) -> Path:
    """Write images at several depths, beside other files."""
    top = tmp_path / "photographs"
    names = ["b.png", "a.JPG", "sub/d.tiff", "sub/deep/c.webp", "Z/e.jpeg"]
    others = ["notes.txt", ".hidden.png", ".cache/f.png", "sub/.g.jpg", "png"]
    for name in names + others:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"")
    (top / "folder.png").mkdir()
    return top


def test_a_folder_is_searched_to_its_depth_for_visible_images(folder):
    found = [file.relative_to(folder).as_posix() for file in image_files([str(folder)])]

    assert found == ["Z/e.jpeg", "a.JPG", "b.png", "sub/d.tiff", "sub/deep/c.webp"]


def test_sources_keep_their_order_and_no_path_comes_twice(folder, monkeypatch):
    monkeypatch.chdir(folder)
    named = ["sub/deep/c.webp", "notes.txt", "sub", str(folder / "sub" / "d.tiff"), "./b.png"]

    found = [file.as_posix() for file in image_files(named)]

    assert found == ["sub/deep/c.webp", "notes.txt", "sub/d.tiff", "b.png"]


def test_links_are_followed_and_may_lead_back(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.png").write_bytes(b"")
    (folder / "sub" / "back").symlink_to(folder)
    (folder / "sub" / "out").symlink_to(elsewhere)

    found = [file.relative_to(folder).as_posix() for file in image_files([str(folder)])]

    assert sorted(found) == sorted(
        ["Z/e.jpeg", "a.JPG", "b.png", "sub/d.tiff", "sub/deep/c.webp", "sub/out/far.png"]
    )


def test_what_is_passed_over_is_counted_by_suffix(folder, capsys):
    for name in ("x.PSD", "y.psd", "sub/scan.nii", "Thumbs.db"):
        (folder / name).write_bytes(b"")
    (folder / "sub" / "back").symlink_to(folder)

    image_files([str(folder)])

    counted = "2 .psd, 1 without a suffix, 1 .nii, 1 .txt, 1 link(s) back to a folder already read"
    assert capsys.readouterr().err == f"passed over: {counted}\n"


def test_a_folder_of_other_files_alone_says_which(tmp_path, refusal):
    (tmp_path / "a.PSD").write_bytes(b"")

    refusal(lambda: image_files([str(tmp_path)]), f"{tmp_path} (1 .psd passed over); give image")


UNREADABLE = {
    "link.png": (lambda path: path.symlink_to("nowhere.png"), "its link leads nowhere"),
    "ring.png": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "site2": (lambda path: path.symlink_to("/unmounted/site2"), "its link leads nowhere"),
    "pipe.png": (os.mkfifo, "it is a pipe"),
    "device.png": (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
    "socket.png": (lambda path: bound(path), "it is a socket"),
}


def bound(path: Path) -> None:
    """Create a socket, whose path is longer than the system accepts."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_among_the_images_and_refused_by_name(folder, refusal, name):
    make, words = UNREADABLE[name]
    make(folder / "sub" / name)

    assert folder / "sub" / name in image_files([str(folder)])
    refusal(lambda: read_image(folder / "sub" / name, 16), f"sub/{name} is not a readable", words)


def test_a_pipe_is_not_waited_for(folder, refusal):
    os.mkfifo(folder / "pipe.png")

    refusal(lambda: image_files([str(folder / "pipe.png")]), "pipe.png is neither file nor folder")


def test_standard_input_lists_sources(folder, monkeypatch):
    odd = os.fsencode(folder) + b"/\xff, 'odd'.png"
    Path(os.fsdecode(odd)).write_bytes(b"")
    lines = b"\n".join([odd, b"", os.fsencode(folder / "b.png") + b"\r", os.fsencode(folder)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))

    found = image_files(["-"])

    assert found[:2] == [Path(os.fsdecode(odd)), folder / "b.png"]
    assert len(found) == len(set(found)) == 6


def test_what_holds_no_image_is_refused(tmp_path, monkeypatch, refusal):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))

    refusal(lambda: image_files([str(tmp_path)]), f"There is no image in {tmp_path}; give", ".jpg")
    refusal(lambda: image_files(["-"]), "There is no image in standard input")
    refusal(lambda: image_files([str(tmp_path / "no\nwhere")]), "no\\nwhere is missing")


def test_a_folder_that_cannot_be_read_is_named(folder):
    """Root may read everything, so the process gives up its rights first."""
    (folder / "sub").chmod(0)
    code = (
        "import os\n"
        "from aduni.inference.images import image_files\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: image_files(['.'])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    folder.chmod(0o755)
    looked = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )

    assert looked.stdout.startswith("UserError sub cannot be read (Permission denied); check its")


def test_pixels_are_those_that_a_training_sees(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    square = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BILINEAR)

    read = read_image(tmp_path / "a.png", 16)

    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert np.array_equal(read, np.asarray(square).transpose(2, 0, 1))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut"])
def test_a_damaged_image_is_named(content, tmp_path, refusal):
    file = tmp_path / "bad\n.png"
    file.write_bytes(content)

    message = refusal(lambda: read_image(file, 16), "is not a readable image", "leave it out")
    assert message.startswith(f"{tmp_path}/bad\\n.png")


def test_the_first_gpu_computes_where_there_is_one():
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")
