"""The functions of `aduni` do what the commands do."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors import safe_open

import aduni
from aduni.errors import UserError
from aduni.evaluation.trained_model import load_trained

SETTINGS = {
    "encoder": {"name": "shufflenet_v2_x0_5", "adaptation": "full"},
    "recipe": "scratch",
    "sampler": {"epoch_length": 2},
    "epochs": 2,
    "batch_size": 32,
    "num_workers": 0,
    "trainer": "cpu",
}


@pytest.fixture
def images(tmp_path):
    """Sixty pictures of two classes in folders."""
    rng = np.random.default_rng(0)
    for number in range(60):
        file = tmp_path / "photos" / ("dark", "light")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        level = 80 * (number % 2)
        Image.fromarray(rng.integers(level, level + 99, (20, 24, 3), dtype=np.uint8)).save(file)
    return tmp_path / "photos"


@pytest.fixture
def small_run(past_run):
    return aduni.Run(past_run("method=ce"))


def test_a_training_equals_the_commands(train, tmp_path, cache, metrics):
    finished, expected = train("method=ce", "sampler=none", "recipe=scratch")
    assert finished.status == 0, finished.err
    dataset = {"cache_dir": str(cache)}
    settings = SETTINGS | {"sampler": "none", "sampler.epoch_length": 2}
    run = aduni.train("ce", output=tmp_path / "api", dataset=dataset, **settings)

    assert metrics(run.path) == metrics(expected)
    assert run.predictions.equals(aduni.Run(expected).predictions)
    assert (run.path / "config.yaml").read_text() == (expected / "config.yaml").read_text()
    assert len(run.history) == 2
    assert f"{run.metrics['test']['macro_f1']:.3f}" in repr(run)
    assert "split: " in (run.path / "train.log").read_text()


def test_a_folder_and_a_data_frame_of_it_give_the_same(images, tmp_path, few_resamples):
    files = sorted(images.rglob("*.png"))
    frame = pd.DataFrame({"image": files, "label": [file.parent.name for file in files]})
    dataset = {"cache_dir": str(tmp_path / "cache"), "image_size": 16}
    with contextlib.chdir(tmp_path):
        one = aduni.train("ce", images, output="one", dataset=dataset, **SETTINGS)
        two = aduni.train("ce", frame, output="two", dataset=dataset, **SETTINGS)
    one, two = (aduni.Run(tmp_path / run.path) for run in (one, two))
    assert one.metrics["test"] == two.metrics["test"]
    assert set(one.predictions["image"]) == set(two.predictions["image"])


def test_a_continued_run_keeps_its_figures(small_run):
    again = aduni.train("ce", output=small_run.path, resume=small_run.path)
    assert again.metrics == small_run.metrics


def test_the_model_gives_the_commands_predictions(small_run, images, command, tmp_path):
    table = tmp_path / "predictions.csv"
    finished = command("predict", f"ckpt={small_run.path}", f"images={images}", f"output={table}")
    assert finished.status == 0, finished.err
    expected = pd.read_csv(table, dtype={"predicted": str}).set_index("image")

    model = small_run.load_model()
    found = model.predict(images)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    arrays = [np.asarray(Image.open(file)) for file in expected.index]
    in_memory = model.predict_proba(np.stack(arrays))
    assert np.allclose(in_memory, expected.filter(like="p_"), rtol=1e-6)
    assert list(in_memory.columns) == model.class_names


def test_features_and_heat_maps(small_run, images):
    model = aduni.load_model(small_run, calibrated=False)
    features = model.embed(images)
    trained = load_trained(small_run.path / "checkpoints" / "best.ckpt")
    assert features.shape == (60, trained.method.encoder.features)

    explained = model.explain(images / "dark", layer="stage2", target="3")
    side = model.image_size
    assert all(cam.shape == (side, side) and cam.min() >= 0 for cam in explained["heat_map"])
    probabilities = model.predict_proba(images / "dark")
    assert np.allclose(explained["probability"], probabilities["3"])
    assert list(explained["predicted"]) == list(probabilities.idxmax(axis=1))


def test_images_may_come_one_by_one(small_run, images):
    model = small_run.load_model()
    files = sorted(images.rglob("*.png"))[:3]
    explained = model.explain(file for file in files)
    assert list(explained.index) == list(map(str, files))
    assert explained["predicted"].equals(model.predict(iter(files))["predicted"])


def test_an_image_may_come_twice(small_run, images):
    """As in a bootstrap sample; each gets its own row."""
    model = small_run.load_model()
    one, two = sorted(images.rglob("*.png"))[:2]
    several = [one, two, one]
    found = model.predict_proba(several)
    assert list(found.index) == list(map(str, several))
    assert found.iloc[0].equals(found.iloc[2].rename(found.index[0]))
    assert not found.iloc[0].equals(found.iloc[1])
    assert model.embed(several).shape[0] == model.explain(several).shape[0] == 3
    assert model.predict(pd.DataFrame({"image": several})).equals(model.predict(several))


def test_nothing_is_printed_where_it_is_redirected_to_none(small_run, tmp_path, images):
    with contextlib.redirect_stdout(None):
        again = aduni.train("ce", output=small_run.path, resume=small_run.path)
        report = aduni.report(again, output=tmp_path / "report")
    assert report.page.is_file()


def test_the_process_is_left_as_it_was(images, tmp_path, few_resamples):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    environment = dict(os.environ)
    dataset = {"cache_dir": str(tmp_path / "cache"), "image_size": 16}
    aduni.train("ce", images, output=tmp_path / "one", dataset=dataset, **SETTINGS)
    assert torch.rand(1) == expected
    assert before == (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads())
    assert environment == dict(os.environ)


def test_an_export_has_the_format_of_its_suffix(small_run, tmp_path):
    file = aduni.export(small_run, tmp_path / "model.safetensors")
    with safe_open(file, "np") as content:
        assert "aduni" in content.metadata()


def test_the_pages_of_an_audit_and_of_an_explanation(small_run, images, tmp_path, cache):
    found = aduni.audit(images, output=tmp_path / "audit", dataset={"cache_dir": str(cache)})
    assert all(isinstance(sentence, str) for sentence in found)
    assert (tmp_path / "audit" / "index.html").is_file()
    page = aduni.explain(
        small_run, images / "dark", output=tmp_path / "page", neighbours=0, errors=0
    )
    assert page.is_file()


def test_results_stay_where_they_are_if_the_folder_changes(small_run, tmp_path):
    with contextlib.chdir(small_run.path.parent):
        run = aduni.Run(small_run.path.name)
    with contextlib.chdir(tmp_path):
        assert run.metrics == small_run.metrics


SPAWNED = """
import multiprocessing
import aduni
multiprocessing.set_start_method("spawn", force=True)
aduni.train("ce", epochs=1, num_workers=2, output="run")
"""


def test_a_script_without_its_guard_is_told_so(tmp_path):
    """Where processes are spawned, a loader process imports the script, which trains again."""
    (tmp_path / "script.py").write_text(SPAWNED)
    found = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert found.returncode != 0
    assert "__main__" in found.stderr


def test_an_unreadable_image_is_named_without_an_option_that_there_is_not(
    small_run, tmp_path, refusal
):
    (tmp_path / "cut.png").write_bytes(b"no image")
    model = small_run.load_model()
    sentence = refusal(lambda: model.predict(tmp_path / "cut.png"), "cut.png", "leave them out.")
    assert "skip_unreadable" not in sentence


def test_several_models_are_averaged(small_run, past_run, images, refusal):
    other = past_run("method=ce", "fold=1", folder="other")
    one, two, both = (
        aduni.load_model(each, calibrated=False).predict_proba(images)
        for each in (small_run, other, [small_run, other])
    )
    assert np.allclose((one + two) / 2, both)
    refusal(lambda: aduni.load_model([small_run, other]).embed(images), "one model sees")


def test_a_report_of_runs_and_of_data_frames(small_run, tmp_path):
    report = aduni.report(small_run.path.parent, output=tmp_path / "report")
    assert report.page.is_file()
    assert "CE" in report.summary
    row = report.tables["methods" if "methods" in report.tables else "tables"]
    assert len(row)

    twin = tmp_path / "twin"
    shutil.copytree(small_run.path, twin)
    both = aduni.report([small_run, aduni.Run(twin)], output=tmp_path / "both")
    assert both.page.is_file()
    assert "twin" in both.page.read_text()
    named = aduni.report({"a": small_run, "b": aduni.Run(twin)}, output=tmp_path / "named")
    assert set(named.tables["tables"]["row"]) >= {"a", "b"}

    frame = small_run.predictions.rename(columns={"image": "id"}).drop(columns="predicted")
    twice = aduni.report({"a": frame, "b": frame}, output=tmp_path / "frames", reference="a")
    assert twice.page.is_file()
    macro_f1 = json.loads((small_run.path / "metrics.json").read_text())["test"]["macro_f1"]
    assert f"{macro_f1:.3f}" in twice.summary


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: aduni.train("cee"), "did you mean ce"),
        (lambda: aduni.train("ce", "nowhere"), "neither a folder"),
        (lambda: aduni.train("ce", "aptso"), "did you mean aptos?"),
        (lambda: aduni.train("ce", "digits", dataset="aptos"), "dataset=aptos both name the"),
        (lambda: aduni.fit("digits", dataset="aptos"), "dataset=aptos both name the images"),
        (lambda: aduni.train("ce", **{"dataset.root": "x"}), "no effect on dataset=digits"),
        (lambda: aduni.train("ce", pd.DataFrame({"path": [], "label": []})), "no column image"),
        (lambda: aduni.train("ce", shard="1/2"), "shard"),
        (lambda: aduni.train("ce", ["photos"]), "data is of the type list"),
        (lambda: aduni.train("ce", pd.DataFrame({"image": ["a"], "class": [1]})), "column label"),
        (lambda: aduni.train("ce", pd.DataFrame({"image": [None], "label": ["a"]})), "in row 0"),
        (lambda: aduni.report(None), "None is no path"),
        (lambda: aduni.report({"a": 3}), "data frame or a run"),
        (lambda: aduni.load_model(5), "5 is no path"),
        (lambda: aduni.export("nowhere", "model.onnx"), "nowhere is missing"),
        (lambda: aduni.audit("nowhere"), "neither a folder"),
        (lambda: aduni.explain("nowhere", "images"), "nowhere is missing"),
        (lambda: aduni.fit("nowhere"), "neither a folder"),
        (lambda: aduni.fit("digits", preset="fast"), "preset=fast"),
        (lambda: aduni.report("nowhere"), "names no file"),
        (lambda: aduni.load_model("nowhere"), "nowhere is missing"),
        (lambda: aduni.load_model("nowhere", tt=2), "did you mean tta"),
    ],
)
def test_mistakes_are_one_sentence_with_a_remedy(call, words, refusal):
    refusal(call, words)


@pytest.mark.parametrize("settings", [{"image_size": 32}, {"dataset": "csv", "image_siz": 32}])
def test_a_key_without_its_group_is_named_in_full(settings):
    with pytest.raises(UserError, match=re.escape("(did you mean dataset.image_size?)")):
        aduni.train("ce", **settings)


def test_import_takes_no_heavy_package():
    script = "import sys, aduni; print(*{'torch', 'hydra', 'pandas', 'numpy'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "\n")
