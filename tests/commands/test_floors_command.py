"""python src/shortcuts.py and train.py with methods that have no network."""

import json
import re

import pandas as pd
import pytest

from own_data import blotches


def test_all_floors_are_run_and_a_finished_one_is_read(command, tmp_path, cache):
    words = (f"dataset.cache_dir={cache}", f"hydra.run.dir={tmp_path / 'floors'}")
    finished = command("shortcuts", *words)

    assert finished.status == 0, finished.err
    # Of 1,797 digits no class is frequent: one class of ten is always named.
    assert "dummy" in finished.out
    assert "class frequencies" in finished.out
    runs = {path.parent.name: path for path in sorted(tmp_path.glob("floors/*/metrics.json"))}
    assert [*runs] == ["dummy", "shortcut_border", "shortcut_thumbnail"]  # digits have no files
    metrics = {name: json.loads(path.read_text()) for name, path in runs.items()}
    assert (
        metrics["dummy"]["test"]["macro_f1"]
        < 0.03
        < metrics["shortcut_thumbnail"]["test"]["macro_f1"]
    )
    times = [path.stat().st_mtime_ns for path in runs.values()]
    again = command("shortcuts", *words).out
    assert again.splitlines() == finished.out.splitlines()[-len(again.splitlines()) :]
    assert [path.stat().st_mtime_ns for path in runs.values()] == times


def test_a_floor_is_a_run_like_any_other(command, train, past_run):
    finished, run = train("method=dummy")
    network = past_run("method=ce", folder="network")

    assert finished.status == 0, finished.err
    assert "Selected class frequencies on the validation part" in finished.out
    assert (run / "split.csv").read_text() == (network / "split.csv").read_text()
    counts = json.loads((run / "metrics.json").read_text())["training_counts"]
    probabilities = pd.read_csv(run / "predictions.csv").filter(regex="^p_")
    shares = [count / sum(counts.values()) for count in counts.values()]
    assert (probabilities - shares).abs().max(axis=None) < 1e-12
    assert command("train", f"resume={run}").status == 0
    again = command("train", "method=dummy", f"hydra.run.dir={run}")
    assert again.err.startswith(f"error: {run} already holds a run")


@pytest.mark.parametrize("name", ["predict", "explain", "evaluate", "export"])
def test_no_model_is_kept(command, train, name, tmp_path):
    _, run = train("method=dummy")
    blotches(0).save(tmp_path / "image.png")
    words = {
        "predict": [f"images={tmp_path}", f"output={tmp_path / 'x.csv'}"],
        "explain": [f"images={tmp_path}"],
        "export": [f"output={tmp_path / 'x.onnx'}"],
    }
    ckpt = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    finished = command(name, ckpt, *words.get(name, []))

    assert finished.status == 1
    assert f"error: {run} is of a method without a network, which keeps no model" in finished.err


def test_features_that_do_not_exist_are_refused_before_the_run(train):
    for override in ("save_features=true", "method=shortcut_file"):
        finished, run = train("method=dummy", override)
        assert finished.status == 1
        assert not (run / "config.yaml").exists()


@pytest.mark.parametrize(("planted", "low", "high"), [(True, 1, 1), (False, 0, 0.6)])
def test_the_size_of_files_is_found_where_it_tells_the_class(train, tmp_path, planted, low, high):
    for number in range(90):
        label = number % 3
        file = tmp_path / "own" / "abc"[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        width = 20 + 4 * label if planted else 20
        blotches(number, (width, 20)).save(file)
    words = ("dataset=folder", f"dataset.root={tmp_path / 'own'}", "dataset.image_size=16")
    finished, run = train("method=shortcut_file", *words)

    assert finished.status == 0, finished.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert low <= metrics["test"]["macro_f1"] <= high


@pytest.mark.parametrize("planted", [True, False])
def test_the_audit_names_a_planted_shortcut(command, tmp_path, planted):
    for number in range(240):
        file = tmp_path / "own" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        width = 20 + 8 * (planted and number % 2)
        blotches(number, (width, 20)).save(file)
    words = ("dataset=folder", f"dataset.root={tmp_path / 'own'}", "dataset.image_size=16")
    finished = command("prepare", *words, f"output={tmp_path / 'audit'}")

    assert finished.status == 0, finished.err
    text = " ".join(finished.out.split())
    rule = r"Shortcut: 120 of 120 images with (width|bytes) .*? are b \(50% of all images are\)\."
    assert bool(re.search(rule, text)) == planted
    assert ("No rule about borders or files tells a class" in text) == (not planted)
