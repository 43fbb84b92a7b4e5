"""python src/prepare.py: what it finds in a data set, and the cache it leaves."""

import pytest
from PIL import Image

from aduni.data.names import escape
from own_data import class_folders

COUNTED = {
    "aptos2019": ["no DR 1805 1805", "123 sets of pixel-identical images (251 files), 30 with"],
    "isic2018": ["NV 6705 6705", "DF 115 115", "7470 lesions", "2545 more photographs"],
}


@pytest.fixture
def command(command, tmp_path_factory):
    """With what is found in a folder that no test looks into."""
    output = f"output={tmp_path_factory.mktemp('audit')}"
    return lambda name, *overrides: command(name, *overrides, output)


def _words(text: str) -> str:
    """Without the frames of tables."""
    return " ".join(text.translate(str.maketrans("│┃", "  ")).split())


def test_digits_are_counted_and_cached(command, tmp_path):
    finished = command("prepare", f"dataset.cache_dir={tmp_path}")

    assert finished.status == 0, finished.err
    assert "1797 rows; each image was readable when the cache was built" in finished.out
    assert "Originals from 8 x 8 to 8 x 8 pixels, resized to 16 x 16" in _words(finished.out)
    (cache,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    files = ["SHA256SUMS", "originals.csv", "pixels.npy"]
    assert sorted(file.name for file in cache.iterdir()) == files


def test_every_row_of_a_cache_that_is_there_is_checked(command, tmp_path):
    command("prepare", f"dataset.cache_dir={tmp_path}")
    (file,) = tmp_path.glob("*/pixels.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[:9999] + bytes([whole[9999] ^ 1]) + whole[10000:])
    finished = command("prepare", f"dataset.cache_dir={tmp_path}")

    assert finished.status == 0, finished.err
    assert "checksums of all rows are right" in _words(finished.out)
    row = (9999 - 128) // (16 * 16 * 3)
    sentence = f"{file.parent} is built anew: the pixels of row {row} have changed."
    assert sentence in finished.err
    assert file.read_bytes() == whole


@pytest.mark.parametrize("name", ["[red]stray.png", "a\nb.png", "caf\udce9.png"])
def test_names_of_stray_files_are_shown_as_they_are_or_escaped(command, aptos, tmp_path, name):
    Image.new("RGB", (5, 5)).save(tmp_path / "stray.png")
    (tmp_path / "stray.png").rename(aptos.images / name)
    root, cache = f"dataset.root={aptos.root}", f"dataset.cache_dir='{tmp_path}/[/c]'"
    finished = command("prepare", "dataset=aptos", "dataset.image_size=16", root, cache)

    assert finished.status == 0, finished.err
    assert f"(first: {escape(name)})" in _words(finished.out)
    assert f"{tmp_path}/[/c]/" in finished.out


@pytest.mark.parametrize("stray", ["batch_size=3", "epochs=-1", "sampler=none", "++lr=1"])
def test_settings_of_training_are_refused(command, tmp_path, stray):
    finished = command("prepare", "dataset=digits", f"dataset.cache_dir={tmp_path}", stray)

    assert finished.status == 1
    key = stray.strip("+").split("=")[0]
    assert finished.err.startswith(f"error: {key} is not a key of prepare.py; leave it out")
    assert "its keys are data, dataset, protocol, download, shard, verbose" in finished.err
    assert not list(tmp_path.iterdir())


def test_what_needs_a_login_is_explained(command, tmp_path):
    finished = command("prepare", "dataset=aptos", "download=true", f"dataset.root={tmp_path}")

    assert finished.status == 1
    assert "kaggle.com with your login" in _words(finished.out)
    assert "train.csv is missing" in finished.err


def test_extra_files_copies_and_conflicts_are_reported(command, aptos, tmp_path):
    file = min(aptos.images.iterdir())
    rows = aptos.table.read_text().splitlines()
    label = next(row for row in rows if row.startswith(file.stem)).split(",")[1]
    Image.open(file).save(aptos.images / "copy.png")
    aptos.table.write_text("\n".join([*rows, f"copy,{(int(label) + 1) % 5}"]) + "\n")
    Image.new("RGB", (5, 5)).save(aptos.images / "stray.png")

    root, cache = f"dataset.root={aptos.root}", f"dataset.cache_dir={tmp_path / 'cache'}"
    finished = command("prepare", "dataset=aptos", "dataset.image_size=16", root, cache)

    assert finished.status == 0, finished.err
    assert "1 image files without a row (first: stray.png)" in _words(finished.out)
    assert "2 sets of pixel-identical images (4 files), 2 with conflicting" in _words(finished.out)


@pytest.mark.real_data
@pytest.mark.parametrize("name", COUNTED)
def test_the_real_sets_have_the_papers_counts(command, real_data, name, tmp_path):
    finished = command(
        "prepare",
        f"dataset={name.removesuffix('2019')}",
        f"dataset.root={real_data / name}",
        f"dataset.cache_dir={tmp_path}",
        "dataset.image_size=16",
    )

    assert finished.status == 0, finished.err
    for words in COUNTED[name]:
        assert words in _words(finished.out)


def test_a_truncated_image_is_named_and_no_cache_is_left(command, aptos, tmp_path):
    file = min(aptos.images.iterdir())
    file.write_bytes(file.read_bytes()[:-40])
    finished = command(
        "prepare", "dataset=aptos", f"dataset.root={aptos.root}", f"dataset.cache_dir={tmp_path}/c"
    )

    assert finished.status == 1
    assert str(file) in finished.err.splitlines()[-1]
    assert not [entry for entry in (tmp_path / "c").iterdir() if entry.is_dir()]


def test_files_of_other_kinds_are_counted_by_suffix(command, tmp_path):
    files = class_folders(tmp_path / "own")
    for number in range(3):
        (files[0].parent / f"{number}.PSD").write_bytes(b"")
    (tmp_path / "own" / "notes.txt").write_text("")
    (tmp_path / "own" / "loose.png").write_bytes(files[0].read_bytes())
    (files[0].parent / "Thumbs.db").write_bytes(b"")
    words = (f"data={tmp_path / 'own'}", f"dataset.cache_dir={tmp_path / 'cache'}")
    finished = command("prepare", *words)

    assert finished.status == 0, finished.err
    said = _words(finished.out)
    assert "1 image files without a row (first: loose.png)" in said
    counted = "3 .psd, 1 .txt, 1 image(s) beside the class folders passed over."
    assert f"Files of other kinds: {counted}" in said
