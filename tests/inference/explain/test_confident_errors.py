"""The most confident errors agree with a slow loop, and are summarised in words."""

import numpy as np
import pytest

from aduni.errors import UserError
from aduni.inference.explain.error_cards import (
    ClassErrors,
    confident_errors,
    predictions_file,
    read_test_part,
    summarize,
)
from aduni.results.run_folder import RunFolder
from hand_made import CLASSES, make_run


def slow(labels, probabilities, label, count):
    wrong = []
    for row, truth in enumerate(labels):
        best = max(range(probabilities.shape[1]), key=lambda c: probabilities[row, c])
        if truth == label and best != label:
            wrong.append((-probabilities[row, best], row))
    return [row for _, row in sorted(wrong)][:count], len(wrong)


@pytest.mark.parametrize("count", [1, 5, 1000])
def test_a_loop_finds_the_same_errors(count):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 200).round(2)  # with ties
    probabilities[:, 0] += 1e-4  # but none between classes that would be predicted
    labels = rng.integers(0, 4, 200)
    for errors in confident_errors(labels, probabilities, count):
        rows, wrong = slow(labels, probabilities, errors.label, count)
        assert errors.rows.tolist() == rows
        assert errors.wrong == wrong
        assert errors.total == (labels == errors.label).sum()
        assert errors.predicted_counts[errors.label] == 0


def test_the_test_part_is_read_with_its_names_restored(tmp_path):
    classes = ("=cmd", "two words", "-3")
    run = make_run(tmp_path / "run", labels=[0, 1, 2, 2], predicted=[0, 2, 2, 1], classes=classes)
    text = run.predictions.read_text().replace("f0_0001", "'=1+1").replace("f0_0002", "NA")
    run.predictions.write_text(text.replace("f0_0003,test", "f0_0003,other"))
    part = read_test_part(run.predictions, list(classes))
    assert part.images == ["f0_0000", "=1+1", "NA"]
    assert part.labels.tolist() == [0, 1, 2]
    np.testing.assert_allclose(part.probabilities[1], [0.1, 0.1, 0.8])


def test_predictions_of_other_classes_are_refused(tmp_path):
    run = make_run(tmp_path / "run", labels=[0, 1], predicted=[0, 1])
    with pytest.raises(UserError, match="other classes than a, b, c"):
        read_test_part(run.predictions, ["a", "b", "c"])


class Checkpoint:
    """Stand-in for a trained model with its paths only."""

    def __init__(self, path) -> None:
        self.path = path
        self.run = RunFolder(path.resolve().parent.parent)


def test_each_checkpoint_has_its_own_predictions(tmp_path, refusal):
    run = make_run(tmp_path / "run", labels=[0, 1], predicted=[0, 1])
    best, last = (Checkpoint(run.checkpoint(name)) for name in ("best", "last"))
    assert predictions_file(best) == run.predictions
    words = ("evaluation/last/predictions.csv is missing", "src/evaluate.py ckpt=", "errors=0")
    refusal(lambda: predictions_file(last), *words)
    other = run.path / "evaluation" / "last" / "predictions.csv"
    other.parent.mkdir(parents=True)
    other.write_text("")
    assert predictions_file(last) == other
    early = Checkpoint(run.path / "representation" / "best.ckpt")
    refusal(lambda: predictions_file(early), "evaluation/best/predictions.csv is missing")


def test_the_summary_counts_what_a_class_is_taken_for():
    def said(tested: int, *taken_for: int) -> str:
        rows = np.array([], dtype=np.int64)
        names = [*CLASSES, "fourth", "fifth"]
        return summarize(ClassErrors(0, tested, np.array(taken_for), rows), names)

    assert said(0, 0, 0, 0, 0, 0) == "The test part has no image of this class."
    assert said(4, 0, 0, 0, 0, 0) == "0 of 4 test images are wrong."
    assert said(8, 0, 1, 3, 0, 0) == "4 of 8 test images are wrong (50%): 3 as rare, 1 as less."
    many = "9 of 10 test images are wrong (90%): most often 4 as fifth, 2 as less, 2 as rare."
    assert said(10, 0, 2, 2, 1, 4) == many
