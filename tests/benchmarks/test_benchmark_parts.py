"""Every part once, at tiny size: that it runs, and that its figures hang together."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import (
    cache,
    data_path,
    evaluation,
    features,
    growth,
    profile,
    rows,
    size,
    start_up,
    step,
)
from benchmarks.released_loader import released_loader
from benchmarks.synthetic import picture, write_jpegs


def test_pictures_are_repeatable_and_differ(tmp_path):
    assert np.array_equal(picture(3, noise=6), picture(3, noise=6))
    assert not np.array_equal(picture(3, noise=6), picture(4, noise=6))
    smooth = np.asarray(picture(3), dtype=float)
    assert np.std(picture(3, noise=6) - smooth) == pytest.approx(6, rel=0.05)
    files = write_jpegs(tmp_path / "jpegs", 2)
    with Image.open(files[1]) as image:
        assert image.size == (600, 450)
        assert image.format == "JPEG"
    assert 20_000 < files[1].stat().st_size < 300_000


def test_the_released_loader_gives_two_different_views(tmp_path):
    files = write_jpegs(tmp_path / "jpegs", 3)
    first, second = next(iter(released_loader(files, 16, batch_size=2)))
    assert first.shape == second.shape == (2, 3, 16, 16)
    assert first.is_floating_point()
    assert not np.array_equal(first, second)


def test_data_path(bench):
    section = data_path.measure(bench)
    whole = [row for row in section.rows if row["stage"].startswith("whole, from")]
    assert [(row["px"], row["stage"]) for row in whole] == [
        (size, f"whole, from {origin}")
        for size in (32, 16)
        for origin in ("the cache, bytes", "the cache, normalised")
    ]
    assert set(section.figures) == {"data_path_32", "data_path_16"}
    for row in section.rows:
        assert row["images/s"].median == pytest.approx(1000 / row["ms an image"])
    released = [row for row in section.rows if row["stage"].startswith("released")]
    assert all(row["released / this"].median == 1 for row in released)


def test_views_made_on_a_device(bench, monkeypatch):
    seen, one_pass = [], data_path.one_pass

    def noted(data, batches, *others):
        def count():
            for batch in batches:
                seen.append(len(batch.labels))
                yield batch

        one_pass(data, count(), *others)

    monkeypatch.setattr(data_path, "one_pass", noted)
    measured = data_path.gpu_rows(bench, 16, torch.device("cpu"))
    assert set(seen) == {4}
    assert len(seen) % 3 == 0  # 12 images a pass
    assert [row["stage"].rpartition(", ")[2] for row in measured] == [
        "images kept there",
        "images sent",
    ]
    assert measured[0]["images/s"].median == pytest.approx(1000 / measured[0]["ms an image"])


def test_step(bench):
    section = step.measure(bench)
    row = section.rows[0]
    assert row["epochs, images/s"].count == 1
    assert section.figures["step_cpu"] == row["efficiency"]
    assert row["efficiency"].median == pytest.approx(
        row["epochs, images/s"].median / row["bare, images/s"].median
    )
    assert "epochs of 4 steps" in section.notes[0]


def test_step_of_a_gpu_at_tiny_size(bench):
    row, figures = step.row_of_gpu(bench, trainer="cpu")
    assert row["where"] == "cpu, 32 px, bf16-mixed"
    assert figures["step_gpu"] == row["efficiency"]
    assert figures["isic_minutes"].median > 0


def test_evaluation(bench):
    section = evaluation.measure(bench)
    assert section.rows[0]["images"] == 7
    assert section.figures["evaluation_cpu"].count == 1


@pytest.mark.slow
def test_features(bench):
    section = features.measure(bench)

    assert section.figures["features_cpu"].count == 1
    assert section.rows[0]["images"] == 14 + 2 * 14


@pytest.mark.slow
def test_a_child_marks_its_first_step_and_ends_there(bench):
    command = start_up.training(bench.scratch, 0)
    begins, ends = start_up.seconds_to_mark(command, bench.scratch / "mark")
    assert 0 < begins < ends < 600
    assert not (bench.scratch / "run0" / "history.csv").exists()  # no epoch came to its end


def test_a_child_that_makes_no_step_says_why(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no [step]')"]
    with pytest.raises(RuntimeError, match=r"failed:\nno \[step\]"):
        start_up.seconds_to_mark(command, tmp_path / "mark")


@pytest.mark.slow
def test_start_up(bench):
    section = start_up.measure(bench)
    assert [row["what"] for row in section.rows] == [
        "train.py to its first step",
        "train.py to the end of that step",
        "imports alone",
    ]
    assert section.rows[2]["of the imports"].median == 1
    assert section.figures["start_up"] == section.rows[0]["of the imports"]
    assert section.figures["start_up"].median > 0.5


def test_cache(bench):
    section = cache.measure(bench)
    assert {(row["px"], row["images"]) for row in section.rows} == {(32, 8), (16, 8)}
    for row in section.rows:
        per_core = row["images/s per core"].median
        assert row["images/s"].median == pytest.approx(row["cores"] * per_core)


@pytest.mark.slow
def test_growth(bench):
    section = growth.measure(bench)
    assert [row["images"] for row in section.rows] == [56, 224, 896]
    sizes = [row["map, MiB"] for row in section.rows]
    assert sizes == pytest.approx([sizes[0], 4 * sizes[0], 16 * sizes[0]])
    assert section.figures["memory_growth"].median < 1.1


def test_rows_of_a_table(bench):
    section = rows.measure(bench)
    assert [row["rows"] for row in section.rows] == [90, 180]
    for row in section.rows:
        each = [value for name, value in row.items() if name not in ("rows", "all")]
        assert row["all"] == pytest.approx(sum(each))
    first, last = (row["all"] for row in section.rows)
    assert section.figures["row_growth"].median == pytest.approx(last / first)


def test_profile(bench):
    section = profile.measure(bench)
    assert sum(row["share"] for row in section.rows) == pytest.approx(1)
    text = (bench.output / "profile.txt").read_text()
    assert "forward and loss" in text
    assert "aten::" in text


@pytest.mark.slow
def test_size(bench):
    section = size.measure(bench)
    steps = ["prepare", "start", "predict", "report", "folds", "an epoch's order"]
    assert [row["step"] for row in section.rows] == 3 * steps
    assert [row["images"] for row in section.rows[::6]] == [120, 180, 270]
    assert all(row["CPU s"] > 0 for row in section.rows)


def test_growth_is_that_of_a_further_image():
    steps = (lambda n: 7 + n**2 - n, lambda n: n)
    made = [{"images": n, "CPU s": step(n)} for n in (1, 3, 7) for step in steps]
    assert size._growth(made) == pytest.approx(10 / 4)
