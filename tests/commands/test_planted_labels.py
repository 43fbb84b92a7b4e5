"""scripts/planted_labels.py, and how many labels that it changed are found in real photographs."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "planted_labels.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_a_share_of_the_labels_becomes_any_other_class(script):
    frame = pd.DataFrame({"image": map(str, range(2000)), "true": ["a", "a", "b", "c"] * 500})
    planted = script["plant"](frame)
    wrong = planted[planted["label"] != planted["true"]]
    assert len(wrong) == 100
    assert wrong.groupby("true").size().between(15, 70).all()
    assert len(wrong.groupby(["true", "label"])) == 6
    pd.testing.assert_frame_equal(script["plant"](frame), planted)


def test_of_the_first_likely_errors_those_that_were_planted_count(script):
    planted = pd.DataFrame({"image": ["1", "2", "3"], "true": ["a"] * 3, "label": ["a", "b", "b"]})
    lines = [
        ("3", "c", "conflicting copy"),
        ("2", "a", "likely error"),
        ("1", "c", "likely error"),
    ]
    listed = pd.DataFrame(lines, columns=["image", "suggested", "reason"])
    scores = script["score"](planted, listed, 1)
    assert scores["precision of the first 1"] == 1
    assert scores["precision of all"] == 0.5
    assert scores["recall of all"] == 0.5
    assert scores["right class suggested of those found"] == 1


@pytest.mark.slow
@pytest.mark.real_data
def test_planted_labels_are_found_among_real_photographs(command, script, real_data, tmp_path):
    """In 800 of APTOS 2019, which has wrong labels of its own; docs/evaluation.md has the whole."""
    release = script["read_release"]("aptos2019", real_data / "aptos2019")
    planted = script["plant"](release.sample(800, random_state=0, ignore_index=True))
    planted.to_csv(tmp_path / "table.csv", index=False)
    trained = command(
        *("train", "-m", "method=balanced_softmax", "fold=0,1,2,3,4", "dataset=csv"),
        *(f"dataset.csv={tmp_path}/table.csv", f"dataset.root={real_data}/aptos2019"),
        *("dataset.image_size=160", "recipe=frozen", "encoder.feature_views=0", "epochs=30"),
        *("sampler=none", "trainer=cpu", "num_workers=0", f"hydra.sweep.dir={tmp_path}/runs"),
        f"dataset.cache_dir={tmp_path}/cache",
    )
    assert trained.status == 0, trained.err
    words = (f"runs={tmp_path}/runs", f"dataset.cache_dir={tmp_path}/cache")
    finished = command("label_errors", *words, f"output={tmp_path}/out")
    assert finished.status == 0, finished.err
    listed = pd.read_csv(tmp_path / "out" / "label_errors.csv", dtype=str)
    scores = script["score"](planted, listed, 20)
    assert scores["planted"] == 40
    assert scores["precision of the first 20"] >= 0.5, scores
