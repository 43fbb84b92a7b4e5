"""Runs whose predictions are kept compressed are quoted like any other, or refused like any."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.reporting.cached import cached_report
from aduni.reporting.inputs import Sources
from aduni.reporting.tables.definitions import Definition, Row
from aduni.results.finished_runs import read_run, read_runs
from aduni.results.predictions_csv import evaluate_predictions
from aduni.results.run_folder import RunFolder
from hand_made import make_run

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]


def pack(run: RunFolder, content: bytes | None = None) -> RunFolder:
    """Put compressed predictions in the place of the plain ones."""
    content = run.predictions.read_bytes() if content is None else content
    run.packed_predictions.write_bytes(gzip.compress(content))
    run.predictions.unlink()
    return run


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return pack(make_run(tmp_path / "runs" / "a", labels=LABELS, predicted=PREDICTED))


def test_compressed_predictions_are_those_of_the_plain_file(run, tmp_path):
    plain = read_run(make_run(tmp_path / "plain", labels=LABELS, predicted=PREDICTED))
    packed = read_run(run)
    pd.testing.assert_frame_equal(packed.predictions, plain.predictions)
    assert packed.test_predictions()[0] == plain.test_predictions()[0]
    assert packed.test == plain.test


def test_the_plain_file_counts_where_both_are(run):
    content = gzip.decompress(run.packed_predictions.read_bytes())
    run.packed_predictions.write_bytes(b"no gzip")
    run.predictions.write_bytes(content)
    assert len(read_run(run).predictions) == 6


def test_a_plain_file_of_no_use_is_not_passed_over(run, refusal):
    run.predictions.mkdir()
    refusal(lambda: read_run(run), f"{run.predictions} is missing")


@pytest.mark.usefixtures("blank_figures")
def test_a_page_is_not_taken_for_that_of_changed_predictions(run, refusal):
    row = Row(name="CE", overrides=("method=ce",))
    root = run.path.parent.parent
    sources = Sources(root, root, {"methods": Definition(title="Methods", rows=(row,))})
    page = cached_report(sources)
    before = page.stat().st_mtime_ns
    assert cached_report(sources).stat().st_mtime_ns == before
    run.packed_predictions.write_bytes(b"no gzip")
    refusal(lambda: cached_report(sources), "is sound", f"{run.packed_predictions} cannot be read")


# What an honest file may hold


@pytest.mark.parametrize("classes", [2, 3, 60])
def test_no_honest_file_is_taken_for_one_that_swells(classes, tmp_path):
    names = [f'"{"ü" * 40}", {number}' for number in range(classes)]
    labels = list(range(classes))
    made = make_run(
        tmp_path / "a", labels=labels, predicted=labels, classes=names, training_labels=labels
    )
    frame = pd.read_csv(made.predictions)
    columns = [f"p_{name}" for name in names]
    table = np.full((classes, classes), 1.2345678901234567e-100)  # as long as numbers get
    np.fill_diagonal(table, 1.0)
    frame[columns] = table
    frame.to_csv(made.predictions, index=False)
    content = json.loads(made.metrics.read_text())
    figures = evaluate_predictions(made.predictions, names)
    made.metrics.write_text(json.dumps({**content, **figures}))
    assert len(read_run(pack(made)).predictions) == classes


# Damage


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _cut_checksum(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def _flip(at: int) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[at] ^= 255
        file.write_bytes(content)

    return flip


def _end_with_rubbish(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"rubbish")


def _plain(file: Path) -> None:
    file.write_bytes(gzip.decompress(file.read_bytes()))


def _swell(piece: bytes) -> Callable[[Path], None]:
    def swell(file: Path) -> None:
        with gzip.open(file, "wb") as opened:
            for _ in range(64):
                opened.write(piece * (2**20 // len(piece)))

    return swell


def _swell_after_the_rows(file: Path) -> None:
    content = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(content) + gzip.compress(b"\n" * 2**26))


DAMAGE = {
    "empty": lambda file: file.write_bytes(b""),
    "nothing, compressed": lambda file: file.write_bytes(gzip.compress(b"")),
    "cut": _cut,
    "cut in the checksum": _cut_checksum,
    "first 60 bytes": lambda file: file.write_bytes(file.read_bytes()[:60]),
    "no gzip": lambda file: file.write_bytes(bytes(range(256))),
    "rubbish, compressed": lambda file: file.write_bytes(gzip.compress(bytes(range(256)))),
    "plain": _plain,
    "flipped in the first block": _flip(10),  # zlib knows no such block
    "flipped in the stream": _flip(40),
    "flipped in the checksum": _flip(-6),
    "rubbish at its end": _end_with_rubbish,
    "commas": _swell(b","),
    "zeros": _swell(b"\0"),
    "empty lines at its end": _swell_after_the_rows,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_has_the_sentence_of_a_damaged_plain_file(damage, run, refusal):
    DAMAGE[damage](run.packed_predictions)
    message = refusal(lambda: read_run(run))
    file = re.escape(str(run.packed_predictions))
    assert re.fullmatch(f"{file} cannot be read or was changed; train the run again.", message)


@pytest.mark.parametrize("damage", ["cut", "commas", "a folder", "deleted"])
def test_damage_costs_its_own_run_alone(damage, run):
    make_run(run.path.parent / "b", labels=LABELS, predicted=LABELS)
    file = run.packed_predictions
    if damage in DAMAGE:
        DAMAGE[damage](file)
    else:
        file.unlink()
        if damage == "a folder":
            file.mkdir()
    runs, (problem,) = read_runs(run.path.parent)
    assert [read.folder.path.name for read in runs] == ["b"]
    assert problem.folder == run.path
    assert "predictions.csv" in problem.reason


def test_edited_rows_are_found(run, refusal):
    content = gzip.decompress(run.packed_predictions.read_bytes())
    run.packed_predictions.write_bytes(gzip.compress(content.replace(b"f0_0000", b"f0_0009")))
    refusal(lambda: read_run(run), run.packed_predictions, "does not hold the images of split.csv")


def test_an_edited_figure_is_said_to_differ_from_the_file_that_is_there(run, refusal):
    content = json.loads(run.metrics.read_text())
    content["test"]["accuracy"] += 1e-6
    run.metrics.write_text(json.dumps(content))
    refusal(lambda: read_run(run), run.metrics, "which predictions.csv.gz does not give")
