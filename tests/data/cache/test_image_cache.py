"""The cache of resized images is correct, complete or absent, and built once."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aduni.data.cache.image_cache import ImageCache, build_cache, open_rgb
from aduni.errors import UserError
from aduni.system.threads import usable_cpus

SRC = Path(__file__).resolve().parents[3] / "src"
PATIENCE = 300  # seconds; on a busy machine, Python alone may take one minute to start

# Asks for a cache of three images; no image opens before the file `go` is there.
BUILDER = """
import os, sys, time
from pathlib import Path
from PIL import Image
from aduni.data.cache.image_cache import build_cache

here, name = Path(sys.argv[1]), sys.argv[2]
log = os.open(here / "opened", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def open_image(row):
    os.write(log, b"%d" % row)
    while not (here / "go").exists():
        time.sleep(0.01)
    return Image.new("RGB", (20, 20), (row, 0, 0))

(here / name).touch()
build_cache(here / "cache" / "c", ["a", "b", "c"], open_image, 16)
"""

FILLER = """
import sys
from pathlib import Path
from PIL import Image
from aduni.data.cache.image_cache import build_cache
from aduni.errors import UserError

white = Image.new("RGB", (64, 64), (255, 255, 255))
try:
    build_cache(Path(sys.argv[1]), ["a"] * 400, lambda row: white, 64)
except UserError as error:
    print(error)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start builders, return when they have begun, and end them with the test."""
    started = []

    def begin(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", BUILDER, str(tmp_path), name]
        environment = {**os.environ, "PYTHONPATH": str(SRC)}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
        wait_until((tmp_path / name).exists)
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def opened(tmp_path: Path) -> str:
    """Return the rows that the builders have opened, one digit each."""
    return (tmp_path / "opened").read_text()


def red(row: int) -> Image.Image:
    """Return the image that the builders open, without their delay."""
    return Image.new("RGB", (20, 20), (row, 0, 0))


def folders(cache_dir: Path) -> list[Path]:
    """List everything that a later run could take for a cache."""
    return [path for path in cache_dir.iterdir() if path.is_dir()] if cache_dir.is_dir() else []


def build(folder: Path, pictures: list[Image.Image], size: int = 16) -> ImageCache:
    images = [f"image{i}" for i in range(len(pictures))]
    return build_cache(folder, images, lambda row: pictures[row], size)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


# What it holds


def test_pixels_are_pillows_bilinear_resize_of_every_file(aptos, make_data):
    data = make_data("aptos", aptos.root, image_size=20)

    assert data.cache.pixels.dtype == np.uint8
    for row, file in enumerate(data.table.files):
        with Image.open(file) as image:
            resized = image.convert("RGB").resize((20, 20), Image.Resampling.BILINEAR)
        assert np.array_equal(data.cache.pixels[row], np.asarray(resized)), file


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK"])
def test_every_colour_mode_is_read_as_rgb(tmp_path, mode):
    file = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (20, 10), (255, 255, 255)).convert(mode).save(file)

    image = open_rgb(file)
    assert (image.mode, image.size) == ("RGB", (20, 10))
    assert np.asarray(image).min() == 255


def test_sizes_and_ids_of_the_originals_are_recorded_in_order(tmp_path):
    cache = build(tmp_path / "c", [noise(30, 20), noise(17, 40), noise(16, 16)])

    assert cache.originals["image"].tolist() == ["image0", "image1", "image2"]
    assert cache.originals["width"].tolist() == [30, 17, 16]
    assert cache.originals["height"].tolist() == [20, 40, 16]


def test_digest_tells_whether_originals_have_the_same_pixels(tmp_path):
    picture = noise(30, 20)
    picture.save(tmp_path / "small.png", compress_level=9)
    picture.save(tmp_path / "large.png", compress_level=0)
    one_off = picture.copy()
    one_off.putpixel((29, 19), (1, 2, 3))
    # The same bytes in another shape are another picture.
    reshaped = Image.frombytes("RGB", (20, 30), picture.tobytes())
    files = [open_rgb(tmp_path / "small.png"), open_rgb(tmp_path / "large.png")]

    digests = build(tmp_path / "c", [*files, one_off, reshaped]).originals["sha256"]
    assert digests[0] == digests[1]
    assert digests.nunique() == 3


def test_pixels_cannot_be_written(tmp_path):
    pixels = build(tmp_path / "c", [noise(16, 16)]).pixels

    assert isinstance(pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0, 0] = 1


def test_pickled_cache_takes_its_path_along_and_not_its_pixels(tmp_path):
    cache = build(tmp_path / "c", [noise(64, 64, seed) for seed in range(4)], 64)
    expected = np.array(cache.pixels)
    assert len(cache.originals) == 4

    pickled = pickle.dumps(cache)
    assert len(pickled) < 1000 < expected.nbytes
    assert np.array_equal(pickle.loads(pickled).pixels, expected)


# What it is keyed by


def test_same_files_and_size_are_read_again_without_decoding(isic, make_data, monkeypatch):
    first = make_data("isic2018", isic.root).cache

    again = make_data("isic2018", isic.root)
    monkeypatch.setattr(type(again), "open_image", None)
    assert again.cache == first


def test_only_the_cpus_that_the_process_may_use_are_counted(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert usable_cpus() == 2

    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cpus() == 64


def test_other_image_size_is_another_cache(isic, make_data):
    small, large = (make_data("isic2018", isic.root, image_size=s).cache for s in (16, 32))

    assert small.folder != large.folder
    assert (small.pixels.shape[1], large.pixels.shape[1]) == (16, 32)


def test_exchanged_photograph_is_seen(isic, make_data):
    before = make_data("isic2018", isic.root).cache
    noise(60, 45).save(isic.images / "ISIC_0024306.jpg")

    after = make_data("isic2018", isic.root).cache
    changed = (np.array(before.pixels) != np.array(after.pixels)).any(axis=(1, 2, 3))
    assert np.flatnonzero(changed).tolist() == [0]


def test_removed_row_is_seen(isic, make_data):
    before = make_data("isic2018", isic.root).cache
    lines = isic.table.read_text().splitlines(keepends=True)
    isic.table.write_text("".join([lines[0], *lines[2:]]))

    after = make_data("isic2018", isic.root).cache
    assert np.array_equal(after.pixels, before.pixels[1:])


# Whole or absent


def half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


DAMAGES = {
    "half": half,
    "empty": lambda file: file.write_bytes(b""),
    "no image": lambda file: file.write_text("<html>Please log in</html>"),
    "folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["000012345678.png", "00018f6ad8d7.jpg"])
def test_unreadable_photograph_is_named_and_leaves_no_cache(
    aptos, make_data, refusal, tmp_path, damage, name
):
    file = aptos.images / name
    good = file.read_bytes()
    damage(file)

    refusal(make_data("aptos", aptos.root).prepare_data, file)
    assert folders(tmp_path / "cache") == []
    # Restored, everything works: the failed attempt left nothing in the way.
    shutil.rmtree(file) if file.is_dir() else None
    file.write_bytes(good)
    assert len(make_data("aptos", aptos.root).cache.pixels) == 50


def test_cut_jpeg_is_refused_wherever_it_was_cut(tmp_path):
    file = tmp_path / "a.jpg"
    noise(60, 45).save(file)
    content = file.read_bytes()

    for length in range(0, len(content), len(content) // 97):
        file.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"a\.jpg"):
            open_rgb(file)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_any_other_error_leaves_no_cache_either(tmp_path, error):
    def fail_late(row: int) -> Image.Image:
        if row == 7:
            raise error
        return red(row)

    with pytest.raises(error):
        build_cache(tmp_path / "cache" / "c", ["a"] * 9, fail_late, 16)
    assert folders(tmp_path / "cache") == []


def test_folder_that_cannot_be_written_is_named(tmp_path, isic, make_data, refusal):
    # Below a regular file nothing can be written, not even by root.
    (tmp_path / "file").write_text("")
    data = make_data("isic2018", isic.root, cache_dir=str(tmp_path / "file" / "cache"))

    refusal(data.prepare_data, tmp_path / "file" / "cache", "dataset.cache_dir")
    assert (tmp_path / "file").read_text() == ""


def test_full_disk_is_named(tmp_path):
    # The disk holds 300 kB and is seen by this process alone; the pixels take 5 MB.
    mount = f"mount -t tmpfs -o size=300k none {tmp_path}"
    small_disk = ["unshare", "-rm", "sh", "-c"]
    if subprocess.run([*small_disk, mount], capture_output=True, check=False).returncode:
        pytest.skip("only root, or a user who may make name spaces, can have a small disk")

    build = f"{mount} && PYTHONPATH={SRC} exec {sys.executable} -c '{FILLER}' {tmp_path}/c"
    filler = subprocess.run([*small_disk, build], capture_output=True, text=True, check=False)
    assert filler.returncode == 0, filler.stderr
    assert f"{tmp_path}/c" in filler.stdout
    assert "set dataset.cache_dir to a folder with room" in filler.stdout


# Several processes


def test_two_processes_that_ask_at_once_build_one_cache(tmp_path, start):
    processes = [start("first"), start("second")]
    time.sleep(0.2)  # both have asked before either can have finished
    (tmp_path / "go").touch()

    assert [process.wait(PATIENCE) for process in processes] == [0, 0]
    assert sorted(opened(tmp_path)) == ["0", "1", "2"]
    assert [path.name for path in folders(tmp_path / "cache")] == ["c"]
    cache = build_cache(tmp_path / "cache" / "c", ["a", "b", "c"], red, 16)
    assert cache.pixels[:, 5, 5, 0].tolist() == [0, 1, 2]


def test_killed_builder_leaves_nothing_that_passes_for_whole(tmp_path, start):
    builder = start("killed")
    wait_until(lambda: (tmp_path / "opened").exists() and opened(tmp_path) != "")
    builder.send_signal(signal.SIGKILL)
    builder.wait(PATIENCE)

    assert not (tmp_path / "cache" / "c").exists()
    rows = []
    images = ["a", "b", "c"]
    cache = build_cache(
        tmp_path / "cache" / "c", images, lambda row: (rows.append(row), red(row))[1], 16
    )
    assert sorted(rows) == [0, 1, 2]
    assert cache.pixels[:, 5, 5, 0].tolist() == [0, 1, 2]
    assert [path.name for path in folders(tmp_path / "cache")] == ["c"]


def test_interrupting_a_process_that_waits_does_not_disturb_the_builder(tmp_path, start):
    builder = start("builder")
    wait_until(lambda: (tmp_path / "opened").exists() and opened(tmp_path) != "")
    waiting = start("waiting")
    time.sleep(0.5)  # it now waits for the lock
    waiting.send_signal(signal.SIGINT)
    waiting.wait(PATIENCE)
    (tmp_path / "go").touch()

    assert builder.wait(PATIENCE) == 0, builder.stderr.read().decode()
    assert len(build_cache(tmp_path / "cache" / "c", ["a", "b", "c"], red, 16).pixels) == 3
