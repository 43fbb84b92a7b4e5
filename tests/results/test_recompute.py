"""Figures that a metrics.json lacks come from the predictions; others are checked against them."""

import json

import pytest

from aduni.results import predictions_csv
from aduni.results.finished_runs import read_run
from aduni.results.run_folder import RunFolder
from hand_made import make_run

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return make_run(tmp_path / "run", labels=LABELS, predicted=PREDICTED)


def _edit(run: RunFolder, **figures: object) -> None:
    content = json.loads(run.metrics.read_text())
    test = {**content["test"], **figures}
    content["test"] = {key: value for key, value in test.items() if value != "absent"}
    run.metrics.write_text(json.dumps(content))


@pytest.mark.parametrize("figure", ["accuracy", "macro_f1", "per_class_f1", "confusion_matrix"])
@pytest.mark.parametrize("stored", ["absent", None])
def test_a_figure_that_is_lacking_is_computed(figure, stored, run):
    whole = read_run(run).test
    _edit(run, **{figure: stored})
    assert read_run(run).test == whole


def test_a_figure_that_is_unknown_is_left_out(run):
    whole = read_run(run).test
    _edit(run, a_later_one=0.99)
    assert read_run(run).test == whole


def test_a_new_metric_is_computed_for_runs_that_lack_it(run, monkeypatch):
    evaluate = predictions_csv.evaluate

    def with_another(*arguments, **options):
        figures = evaluate(*arguments, **options)
        return {**figures, "worst_f1": min(figures["per_class_f1"].values())}

    monkeypatch.setattr(predictions_csv, "evaluate", with_another)
    assert read_run(run).test["worst_f1"] == pytest.approx(1 / 2)  # less: 1 of 2 found, 1 false


def test_a_figure_that_has_no_value_any_more_has_none(run, monkeypatch):
    """As that of an order has none where the classes have no order."""
    evaluate = predictions_csv.evaluate

    def without_kappa(*arguments, **options):
        return {**evaluate(*arguments, **options), "quadratic_kappa": None}

    monkeypatch.setattr(predictions_csv, "evaluate", without_kappa)
    assert read_run(run).test["quadratic_kappa"] is None


@pytest.mark.parametrize("lacking", ["absent", None])
def test_the_others_are_checked_as_before(lacking, run, refusal):
    _edit(run, macro_auroc=lacking, accuracy=0.99)
    refusal(lambda: read_run(run), "test.accuracy = 0.99", "was changed")


@pytest.mark.parametrize(
    "classes", [{"common": 4, "less": 1}, {"common": 4, "less": 1, "rare": 1, "x": 1}]
)
def test_a_class_too_few_or_too_many_is_a_change(classes, run, refusal):
    _edit(run, support=classes)
    refusal(lambda: read_run(run), "test.support")


def test_a_part_that_is_gone_is_a_change(run, refusal):
    content = json.loads(run.metrics.read_text())
    run.metrics.write_text(json.dumps({**content, "validation": content["test"]}))
    refusal(lambda: read_run(run), "validation")
