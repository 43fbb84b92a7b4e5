"""The decision equals slow formulas, and the test part has no say in it."""

import numpy as np
import pytest
from candidates import candidate, run_of
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from aduni.fitting.decision import best_of, compare, decide, is_as_good, outcomes_of
from aduni.metrics.samples import group_draws

LABELS = [0] * 30 + [1] * 20 + [2] * 10


def wrong(*rows: int) -> list[int]:
    """Predictions that are right but for these rows."""
    return [(label + 1) % 3 if row in rows else label for row, label in enumerate(LABELS)]


def test_scores_are_those_of_scikit_learn():
    guesses = wrong(1, 2, 31, 55)
    made = candidate("a", [run_of(LABELS, guesses)])
    assert made.score == pytest.approx(f1_score(LABELS, guesses, average="macro"))


def test_the_standard_error_is_that_of_the_paired_difference_over_groups():
    groups = [row // 3 for row in range(len(LABELS))]
    one, other = wrong(0, 5, 35, 50), wrong(0, 6, 7, 51, 52)
    found = compare(
        candidate("a", [run_of(LABELS, one, groups=groups)], "accuracy"),
        candidate("b", [run_of(LABELS, other, groups=groups)], "accuracy"),
    )
    differences = []
    for draw in group_draws(20):
        rows = [row for row, group in enumerate(groups) for _ in range(draw[group])]
        truth = [LABELS[row] for row in rows]
        scores = [accuracy_score(truth, [each[row] for row in rows]) for each in (one, other)]
        differences.append(scores[0] - scores[1])
        if len(differences) == 400:
            break
    assert found.difference == pytest.approx(1 / 60)
    assert found.standard_error == pytest.approx(np.std(differences), rel=0.1)  # 400 of the draws
    assert found.interval[0] == pytest.approx(np.quantile(differences, 0.025), abs=0.02)


def test_of_several_folds_the_standard_error_is_over_them():
    one = [run_of(LABELS, wrong(*range(fold)), fold=fold) for fold in range(5)]
    other = [run_of(LABELS, wrong(3, 32, 51), fold=fold) for fold in range(5)]
    found = compare(candidate("a", one, "accuracy"), candidate("b", other, "accuracy"))
    differences = [(60 - fold) / 60 - 57 / 60 for fold in range(5)]
    assert found.difference == pytest.approx(np.mean(differences))
    assert found.standard_error == pytest.approx(stats.sem(differences))
    low, high = stats.t.interval(0.95, df=4, loc=np.mean(differences), scale=stats.sem(differences))
    assert found.interval == pytest.approx((low, high))


def test_the_simplest_model_as_good_as_the_best_is_chosen():
    far = candidate("far", [run_of(LABELS, wrong(*range(0, 60, 2)))])
    near = candidate("near", [run_of(LABELS, wrong(1, 40))])
    best = candidate("best", [run_of(LABELS, wrong(40))])
    assert best_of([far, near, best]) is best
    assert not is_as_good(far, best)
    assert decide([far, near, best]) is near
    assert decide([far, best, near]) is best


def test_a_model_that_is_dearer_to_use_is_no_simpler_choice():
    """The frozen encoder takes 224 px; what was fine-tuned at 96 px is better and cheaper."""
    frozen = candidate("frozen", [run_of(LABELS, wrong(1, 40), image_size=224)])
    small = candidate("small", [run_of(LABELS, wrong(40), image_size=96)])
    assert is_as_good(frozen, small)
    assert decide([frozen, small]) is small
    other_frozen = candidate("other frozen", [run_of(LABELS, wrong(40), image_size=224)])
    behind = candidate("behind", [run_of(LABELS, wrong(1, 40), image_size=96)])
    assert decide([frozen, other_frozen, behind]) is frozen


def test_the_test_part_has_no_say():
    rng = np.random.default_rng(0)

    def models(test):
        return [
            candidate("a", [run_of(LABELS, wrong(1, 2, 45), test=test())]),
            candidate("b", [run_of(LABELS, wrong(1, 51, 52), test=test())]),
            candidate("c", [run_of(LABELS, wrong(5), test=test())]),
        ]

    perfect = models(lambda: LABELS)
    random = models(lambda: rng.integers(3, size=60).tolist())
    assert decide(perfect).label == decide(random).label
    for one, other in zip(perfect, random, strict=True):
        assert compare(one, perfect[2]) == compare(other, random[2])


def test_seeds_are_averaged_image_by_image_and_folds_stand_side_by_side():
    seeds = [run_of(LABELS, wrong(seed), seed=seed) for seed in range(3)]
    labels, probabilities, groups = outcomes_of(seeds, "test")
    assert len(labels) == len(groups) == 60
    assert probabilities[3, 0] == pytest.approx(0.8)
    assert probabilities[2, 0] == pytest.approx((0.8 + 0.8 + 0.1) / 3)
    assert (probabilities.argmax(axis=1) == LABELS).all()
    folds = [run_of(LABELS, wrong(fold), fold=fold) for fold in range(2)]
    labels, probabilities, groups = outcomes_of(folds, "test")
    assert len(labels) == len(np.unique(groups)) == 120


def test_a_target_that_is_undefined_is_refused(refusal):
    made = candidate("a", [run_of([0] * 10, [0] * 10)], "macro_auroc")
    refusal(lambda: made.scores, "target=macro_auroc", "validation part")
