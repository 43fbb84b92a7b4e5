"""Arbitrary bytes as tables and as images: each is read, or refused in one sentence.

Most inputs are sound files with some bytes changed, cut or doubled: of these alone a decoder gets
far enough to stumble.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aduni.data.cache.image_cache import build_cache, open_rgb
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, read_csv
from aduni.data.splits.predefined import read_split, split_frame
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv

FAST, SLOW = 200, 5000
COUNTS = [FAST, pytest.param(SLOW, marks=pytest.mark.slow)]
LONGEST = 60_000  # milliseconds for one input: a guard against a hang

# A warning about a damaged file is none of an error; pytest would make it one.
pytestmark = pytest.mark.filterwarnings("ignore")

CELLS = ["image", "label", "group", "part", "a", "b", "x", "y", "train", "test", "0", "1", ""]
MARKS = [
    ",",
    "\n",
    "\r",
    "\r\n",
    '"',
    '""',
    ";",
    "\t",
    " ",
    "\0",
    "\ufeff",
    "é",
    "\u2028",
    "'",
    "#",
]


def images() -> list[bytes]:
    """Return a small file of each supported kind, and some that are not supported."""
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (9, 13, 3), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 2**16, (9, 13), dtype=np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        (colours, kind) for kind in ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP", "PPM", "EPS")
    ]
    kinds += [(deep, "PNG"), (deep, "TIFF"), (colours.convert("P"), "PNG")]
    kinds += [(colours.convert("RGBA"), kind) for kind in ("PNG", "TIFF", "WEBP", "ICO")]
    kinds += [(colours.convert("CMYK"), kind) for kind in ("JPEG", "TIFF")]
    found = []
    for image, kind in kinds:
        for options in ({}, {"exif": exif}) if kind in ("JPEG", "PNG", "WEBP") else ({},):
            buffer = io.BytesIO()
            image.save(buffer, kind, **options)
            found.append(buffer.getvalue())
    return found


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """Draw one of the files with up to five changes."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        new = draw(st.binary(max_size=4))
        length = draw(st.sampled_from([1, 1, len(new), len(new), len(new), 0, len(content)]))
        content[place : place + length] = new
    return bytes(content)


def tables() -> list[bytes]:
    plain = "image,label,group,part\na,x,0,train\nb,y,1,test\n"
    texts = [plain, plain.replace("\n", "\r\n"), f"\ufeff{plain}", plain.replace("a,", '"a",')]
    return [text.encode() for text in texts]


CSV = st.one_of(
    damaged(tables()),
    st.lists(st.sampled_from([*CELLS, *MARKS]), max_size=40).map(lambda t: "".join(t).encode()),
    st.binary(max_size=200),
)
PICTURE = damaged([*images(), b"no image"])


def many(count: int):
    """Set the number of inputs, which are the same in each run."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=LONGEST,
        suppress_health_check=list(HealthCheck),
    )


def reported(outcomes: list[bool], what: str, count: int) -> None:
    """Check that inputs of both kinds occurred."""
    print(f"\n{what}: {len(outcomes)} inputs, {sum(outcomes)} read, the others refused")
    assert len(outcomes) >= count
    assert 0 < sum(outcomes) < len(outcomes)


def check_sentence(error: UserError) -> None:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")


@pytest.mark.parametrize("count", COUNTS)
def test_every_table_is_read_or_refused(tmp_path: Path, count: int) -> None:
    file, outcomes = tmp_path / "split.csv", []
    table = ImageTable(["a", "b"], np.array([0, 1]), ["x", "y"])

    @many(count)
    @given(content=CSV)
    def attempt(content: bytes) -> None:
        file.write_bytes(content)
        loaded = True
        try:
            frame = read_csv(file, ["image", "label"])
            assert all(isinstance(cell, str) for cell in frame.to_numpy().ravel())
            check_images(frame["image"].tolist(), file)
            find_files(["a"], [tmp_path], [".csv"]) if "split" in frame["image"].tolist() else None
        except UserError as error:
            check_sentence(error)
            loaded = False
        outcomes.append(loaded)
        try:
            parts = read_split(file, table, np.array([0, 1]), True)
            assert set(parts) <= {"train", "validation", "test", "unused"}
            write_csv(split_frame(table, np.array([0, 1]), parts), file)
            assert read_split(file, table, np.array([0, 1]), True).tolist() == parts.tolist()
        except UserError as error:
            check_sentence(error)

    attempt()
    reported(outcomes, "tables", count)


@pytest.mark.parametrize("count", COUNTS)
def test_every_image_is_read_or_refused(tmp_path: Path, count: int) -> None:
    file, outcomes = tmp_path / "a.png", []

    @many(count)
    @given(content=PICTURE)
    def attempt(content: bytes) -> None:
        file.write_bytes(content)
        loaded = True
        try:
            image = open_rgb(file)
            assert image.mode == "RGB"
            resized = image.resize((16, 16), Image.Resampling.BILINEAR)
            assert np.asarray(resized).shape == (16, 16, 3)
        except UserError as error:
            check_sentence(error)
            loaded = False
        outcomes.append(loaded)

    attempt()
    reported(outcomes, "images", count)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0\r"), min_size=1, max_size=12
)


@pytest.mark.parametrize("count", COUNTS)
def test_every_file_name_comes_back_from_the_tables_that_are_written(tmp_path, count):
    number = iter(range(10**6))
    picture = Image.new("RGB", (16, 16))

    @many(count // 10)
    @given(names=st.lists(NAMES, min_size=2, max_size=6, unique=True))
    def attempt(names: list[str]) -> None:
        table = ImageTable(names, np.arange(len(names)) % 2, ["x", "y"])
        groups, parts = np.arange(len(names)), np.array(["train", "test"] * 3)[: len(names)]
        write_csv(split_frame(table, groups, parts), tmp_path / "split.csv")
        assert read_split(tmp_path / "split.csv", table, groups, True).tolist() == parts.tolist()
        folder = tmp_path / f"c{next(number)}"
        cache = build_cache(folder, names, lambda row: picture, 16)
        assert cache.originals["image"].tolist() == names
        before = os.stat(folder / "pixels.npy").st_ino
        build_cache(folder, names, lambda row: picture, 16)
        assert os.stat(folder / "pixels.npy").st_ino == before

    attempt()
