"""What a run leaves to look at, and that a failing picture never costs the run."""

import json
from xml.etree import ElementTree

import pytest
from PIL import Image

from aduni.results.run_folder import RunFolder


@pytest.fixture
def without_page() -> None:
    """Here it is there."""


PICTURES = ("curves.svg", "confusion.svg", "batch.png", "index.html")


def test_a_run_leaves_pictures_and_names_them(train, command):
    finished, run = train("method=aduni")

    assert finished.status == 0, finished.err
    listed = finished.out.partition("Results:")[2].split()
    assert set(PICTURES) <= set(listed)
    for name in ("curves", "confusion"):
        assert ElementTree.parse(run / f"{name}.svg").getroot().tag.endswith("svg")
    Image.open(run / "batch.png").verify()
    page = (run / "index.html").read_text()
    for said in ("aduni on digits, fold 0, seed 0", "Not a medical device", "<table>", "<svg "):
        assert said in page
    assert "Macro F1 " in page.partition("Files of the run")[0], "it opens with the answer"
    assert str(run.parent) not in page
    assert 'src="http' not in page
    assert "library_name" not in page
    decided = command("evaluate", f"ckpt={run}", "screening.positive_classes=[8,9]")
    assert decided.status == 0, decided.err
    page = (run / "index.html").read_text()
    assert "<h2>Decisions</h2>" in page
    assert 'href="decision.json"' in page


def test_a_method_of_two_stages_has_a_page_too(train):
    finished, run = train("method=decouple", "method.classifier=ncm", "epochs=1")

    assert finished.status == 0, finished.err
    assert all((run / name).exists() for name in PICTURES)


def test_a_picture_that_fails_does_not_cost_the_run(train, monkeypatch):
    def fail(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr("aduni.training.run_page.page.draw_curves", fail)
    monkeypatch.setattr("aduni.training.run_page.batch_picture.write_batch", fail)
    finished, run = train("method=ce", "epochs=1")

    assert finished.status == 0
    assert "no ink" in finished.err
    assert json.loads((run / "metrics.json").read_text())["test"]
    assert "Macro F1" in finished.out
    assert not (run / "index.html").exists()


def test_pictures_of_a_start_that_failed_are_removed(past_run, tmp_path):
    folder = RunFolder(past_run("method=ce"))
    for file in (folder.metrics, folder.history, *folder.checkpoints()):
        file.unlink()
    folder.begin_anew()
    assert not any((folder.path / name).exists() for name in PICTURES)


@pytest.mark.usefixtures("blank_figures")
def test_a_multirun_ends_with_its_table(multirun):
    finished, _ = multirun("method=ce,balanced_softmax", "fold=0,1", "epochs=1")

    assert finished.status == 0, finished.err
    *_, table = finished.out.partition("digits: macro F1 of the test part")
    words = " ".join(table.split())
    for said in ("fold 0", "fold 1", "mean", "deviation", "CE", "Balanced Softmax"):
        assert said in words
