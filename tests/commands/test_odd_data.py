"""Odd but lawful names, damaged caches and jumping clocks on the whole way through a training."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest

from aduni.system.csv_escape import unescape_formulas

SMALL = ("dataset=aptos", "dataset.image_size=32", "epochs=1", "batch_size=8", "method=ce")

NAMES = [
    "two words",
    " space before",
    "space after ",
    "a,b",
    'say "a"',
    "it's",
    "two\nlines",
    "-dash",
    "--help",
    "=1+1",
    "@home",
    "+5",
    "NA",
    "null",
    "nan",
    "1e5",
    "007",
    "0.10",
    "naïve",
    "眼底",
    "😀",
    "a;b",
    "a\tb",
    "#hash",
    "[red]bold",
    "$HOME",
    "${seed}",
    "%s",
    "{0}",
    "*",
    "~",
    ".hidden",
    "a.png",
]


@pytest.fixture
def odd(aptos):
    """The release with odd names in place of ids, at every second row."""
    table = pd.read_csv(aptos.table, dtype=str)
    for row, name in enumerate(NAMES):
        old = table.loc[row, "id_code"]
        (file,) = (f for f in aptos.images.iterdir() if f.stem == old)
        file.rename(aptos.images / f"{name}{file.suffix}")
        table.loc[row, "id_code"] = name
    table.to_csv(aptos.table, index=False)
    return aptos


def table_of(file):
    """What was written, as its readers see it."""
    return unescape_formulas(pd.read_csv(file, dtype=str, keep_default_na=False))


def test_odd_file_names_go_through_every_file_and_back(odd, train, command, tmp_path):
    root = f"dataset.root={odd.root}"
    finished, run = train(*SMALL, root)
    assert finished.status == 0, finished.err
    split = table_of(run / "split.csv")
    assert split["image"][: len(NAMES)].tolist() == NAMES
    predictions = table_of(run / "predictions.csv")
    chosen = split[split["part"].isin(["validation", "test"])]
    assert sorted(predictions["image"]) == sorted(chosen["image"])

    # The stored split is read back, by a second run and by the evaluation of the first.
    finished, again = train(
        *SMALL, root, f"protocol.split_file={run / 'split.csv'}", folder="again"
    )
    assert finished.status == 0, finished.err
    assert (again / "split.csv").read_bytes() == (run / "split.csv").read_bytes()
    finished = command("evaluate", f"ckpt={run / 'checkpoints' / 'best.ckpt'}")
    assert finished.status == 0, finished.err
    evaluated = run / "evaluation" / "best" / "predictions.csv"
    assert table_of(evaluated)["image"].tolist() == predictions["image"].tolist()


def test_a_training_that_finds_its_cache_damaged_says_so_and_goes_on(aptos, train, tmp_path):
    root, cache = f"dataset.root={aptos.root}", f"dataset.cache_dir={tmp_path / 'own'}"
    assert train(*SMALL, root, cache)[0].status == 0
    (file,) = (tmp_path / "own").glob("*/pixels.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    finished, run = train(*SMALL, root, cache, folder="again")

    assert finished.status == 0, finished.err
    assert f"The image cache {file.parent} is built anew: " in finished.err
    assert f"The image cache {file.parent} is built anew: " in (run / "train.log").read_text()
    assert file.read_bytes() == whole


def test_no_time_is_negative_when_the_clock_is_set_back(train, monkeypatch):
    steps = itertools.count()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600.0 * next(steps))
    finished, run = train("epochs=2")

    assert finished.status == 0, finished.err
    assert next(steps) > 1, "nobody asked for the time: the test shows nothing"
    history = pd.read_csv(run / "history.csv")
    assert (history["seconds"] > 0).all()
    assert np.isfinite(history["seconds"]).all()
    assert (history["seconds"] < 600).all()
