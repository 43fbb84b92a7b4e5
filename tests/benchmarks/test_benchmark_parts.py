"""Every part once, at tiny size: that it runs, and that its figures hang together."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.cache_building import measure_cache
from benchmarks.data_path import measure_data_path
from benchmarks.evaluation import measure_evaluation
from benchmarks.growth import measure_growth
from benchmarks.on_gpu import gpu_rows
from benchmarks.pictures import noisy_picture, write_jpegs
from benchmarks.profiling import measure_profile
from benchmarks.released_loader import released_loader
from benchmarks.row_growth import measure_rows
from benchmarks.start_up import _train, measure_start_up, seconds_to_mark
from benchmarks.step import measure_step


def test_pictures_are_repeatable_and_differ(tmp_path):
    assert np.array_equal(noisy_picture(3), noisy_picture(3))
    assert not np.array_equal(noisy_picture(3), noisy_picture(4))
    files = write_jpegs(tmp_path / "jpegs", 2)
    with Image.open(files[1]) as image:
        assert image.size == (600, 450)
        assert image.format == "JPEG"
    assert 20_000 < files[1].stat().st_size < 300_000


def test_the_released_loader_gives_two_different_views(tmp_path):
    files = write_jpegs(tmp_path / "jpegs", 3, 40, 30)
    (first, second), numbers = next(iter(released_loader(files, 16, batch_size=2)))
    assert first.shape == second.shape == (2, 3, 16, 16)
    assert first.is_floating_point()
    assert numbers.tolist() == [0, 1]
    assert not np.array_equal(first, second)


def test_data_path(bench):
    section = measure_data_path(bench)
    whole = [row for row in section.rows if row["stage"].startswith("whole, from")]
    assert [(row["px"], row["stage"]) for row in whole] == [
        (size, f"whole, from {origin}")
        for size in (32, 16)
        for origin in ("the cache, bytes", "the cache, normalised", "JPEG")
    ]
    assert set(section.figures) == {"data_path_32", "data_path_16"}
    for row in section.rows:
        assert row["images/s"].median == pytest.approx(1000 / row["ms an image"])
    released = [row for row in section.rows if row["stage"].startswith("released")]
    assert all(row["released / this"].median == 1 for row in released)


def test_views_made_on_a_device(bench):
    rows = gpu_rows(bench, 16, torch.device("cpu"))
    assert [row["stage"].rpartition(", ")[2] for row in rows] == [
        "images kept there",
        "images sent",
    ]
    assert rows[0]["images/s"].median == pytest.approx(1000 / rows[0]["ms an image"])


def test_step(bench):
    section = measure_step(bench)
    row = section.rows[0]
    assert row["epochs, images/s"].count == 1
    assert section.figures["step_cpu"] == row["efficiency"]
    assert row["efficiency"].median == pytest.approx(
        row["epochs, images/s"].median / row["bare, images/s"].median
    )
    assert "epochs of 4 steps" in section.notes[0]


def test_evaluation(bench):
    section = measure_evaluation(bench)
    assert section.rows[0]["images"] == 7
    assert section.figures["evaluation_cpu"].count == 1


def test_a_child_marks_its_first_step_and_ends_there(bench):
    begins, ends = _train(bench.scratch, 0)
    assert 0 < begins < ends < 600
    assert not (bench.scratch / "run0" / "history.csv").exists()  # no epoch came to its end


def test_a_child_that_makes_no_step_says_why(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as error:
        seconds_to_mark([sys.executable, "-c", "raise SystemExit('no step')"], tmp_path / "mark")
    assert "no step" in error.value.stderr


@pytest.mark.slow
def test_start_up(bench):
    section = measure_start_up(bench)
    assert [row["what"] for row in section.rows] == [
        "train.py to its first step",
        "train.py to the end of that step",
        "imports alone",
    ]
    assert section.rows[2]["of the imports"].median == 1
    assert section.figures["start_up"] == section.rows[0]["of the imports"]
    assert section.figures["start_up"].median > 0.5


def test_cache(bench):
    section = measure_cache(bench)
    assert [(row["px"], row["images"]) for row in section.rows] == [(32, 3), (16, 3)]


@pytest.mark.slow
def test_growth(bench):
    section = measure_growth(bench)
    assert [row["images"] for row in section.rows] == [56, 224, 896]
    sizes = [row["map, MiB"] for row in section.rows]
    assert sizes == pytest.approx([sizes[0], 4 * sizes[0], 16 * sizes[0]])
    growth = section.figures["memory_growth"].median
    assert growth < 1.1


def test_rows_of_a_table(bench):
    section = measure_rows(bench)
    assert [row["rows"] for row in section.rows] == [90, 180]
    for row in section.rows:
        each = [value for name, value in row.items() if name not in ("rows", "all")]
        assert row["all"] == pytest.approx(sum(each))
    first, last = (row["all"] for row in section.rows)
    assert section.figures["row_growth"].median == pytest.approx(last / first)


def test_profile(bench):
    section = measure_profile(bench)
    assert sum(row["share"] for row in section.rows) == pytest.approx(1)
    text = (bench.output / "profile.txt").read_text()
    assert "forward and loss" in text
    assert "aten::" in text
