"""Intervals and tests against slow loops, hand-worked numbers and hand-made runs."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from aduni.errors import UserError
from aduni.metrics.samples import RESAMPLES, group_draws
from aduni.reporting.statistics.paired import (
    Comparison,
    compare,
    comparison_frame,
    corrected_t_test,
    power_note,
)
from aduni.reporting.statistics.row_bootstrap import bootstrap
from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Definition, Row
from aduni.results.finished_runs import read_run
from hand_made import make_run

METHODS = ("ce", "ldam", "cicl")
ROWS = tuple(Row(name=m.upper(), overrides=(f"method={m}",)) for m in METHODS)
TOY = Definition(title="Toy", rows=ROWS)
TRAINING = (0,) * 20 + (1,) * 12 + (2,) * 8


@pytest.fixture
def outcomes() -> pd.DataFrame:
    """Sixty images in groups of one to four; class 3 is neither present nor predicted."""
    rng = np.random.default_rng(5)
    label = rng.choice(3, 60, p=[0.6, 0.3, 0.1])
    wrong = rng.integers(3, size=(2, 60))
    taken = np.where(rng.random((2, 60)) < [[0.7], [0.5]], label, wrong)
    group = np.repeat(np.arange(100, 124), [1, 2, 3, 4] * 6)[rng.permutation(60)]
    return pd.DataFrame(
        {
            "label": label,
            "row": taken[0],
            "baseline": taken[1],
            "group": group,
            "seed": 0,
            "weight": 1.0,
        }
    )


def _slow(images: pd.DataFrame, classes: int) -> list[float]:
    """Differences by scikit-learn."""

    def figures(column: str) -> np.ndarray:
        label, taken = images["label"], images[column]
        names = range(classes)
        f1 = f1_score(label, taken, labels=names, average="macro", zero_division=0)
        return np.array([accuracy_score(label, taken), f1])

    return list(figures("row") - figures("baseline"))


def test_the_bootstrap_is_that_of_a_slow_loop(outcomes):
    sample, resamples = bootstrap(outcomes, 4)
    assert sample == pytest.approx(_slow(outcomes, 4), abs=1e-12)
    draws = group_draws(24)
    members = [outcomes[outcomes["group"] == g] for g in range(100, 124)]
    for i in (*range(40), 199, 200, RESAMPLES - 1):
        drawn = [m for m, times in zip(members, draws[i], strict=True) for _ in range(times)]
        assert resamples[i] == pytest.approx(_slow(pd.concat(drawn), 4), abs=1e-12)


def test_groups_are_drawn_with_replacement_and_always_alike():
    draws = group_draws(50).astype(int)
    assert draws.shape == (RESAMPLES, 50)
    assert (draws.sum(axis=1) == 50).all()
    assert len(np.unique(draws, axis=0)) == RESAMPLES
    # A group's count is binomial with mean 1 and variance 1 - 1/50.
    assert draws.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)
    assert draws.var() == pytest.approx(0.98, abs=0.02)
    group_draws.cache_clear()
    assert (group_draws(50) == draws).all()


def test_seeds_share_the_weight_of_an_image(outcomes):
    twice = pd.concat([outcomes.assign(seed=seed, weight=0.5) for seed in (0, 1)])
    for one, other in zip(bootstrap(outcomes, 3), bootstrap(twice, 3), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_a_difference_over_seeds_is_the_mean_of_theirs(outcomes):
    other = outcomes.assign(row=0, baseline=outcomes["row"], seed=1)
    sample, resamples = bootstrap(pd.concat([outcomes, other]), 4)
    seeds = [bootstrap(images, 4) for images in (outcomes, other)]
    assert sample == pytest.approx(np.mean([one for one, _ in seeds], axis=0), abs=1e-12)
    assert resamples == pytest.approx(np.mean([each for _, each in seeds], axis=0), abs=1e-12)
    assert _slow(other, 4)[1] < sample[1] < _slow(outcomes, 4)[1]


def test_a_seed_counts_by_its_images_where_one_has_fewer_folds(outcomes):
    """Seed 0 has 60 images, seed 1 those of 10 groups, which weigh half in either."""
    shared = outcomes["group"] < 110
    both = pd.concat(
        [outcomes.assign(weight=np.where(shared, 0.5, 1.0)), outcomes[shared].assign(seed=1)]
    )
    both.loc[both["seed"] == 1, "weight"] = 0.5
    both.loc[both["seed"] == 1, "row"] = 0
    sample, resamples = bootstrap(both, 3)
    draws = group_draws(24)
    for i, found in enumerate((sample, *resamples[:20])):
        times = np.ones(24) if i == 0 else draws[i - 1]
        drawn = both.assign(weight=both["weight"] * times[both["group"] - 100])
        seeds = [drawn[drawn["seed"] == seed] for seed in (0, 1)]
        shares = [images["weight"].sum() for images in seeds]
        expected = np.average([_weighted(images) for images in seeds], axis=0, weights=shares)
        assert found == pytest.approx(expected, abs=1e-12)


def _weighted(images: pd.DataFrame) -> np.ndarray:
    """Differences by scikit-learn's weights."""

    def figures(column: str) -> np.ndarray:
        taken = {"y_true": images["label"], "y_pred": images[column]}
        weights = {"sample_weight": images["weight"]}
        f1 = f1_score(**taken, **weights, labels=range(3), average="macro", zero_division=0)
        return np.array([accuracy_score(**taken, **weights), f1])

    return figures("row") - figures("baseline")


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(100) < 0.5, 4)  # groups of four are right or wrong together
    images = pd.DataFrame(
        {"label": 0, "row": np.where(right, 0, 1), "baseline": 1, "seed": 0, "weight": 1.0}
    )
    whole = bootstrap(images.assign(group=np.arange(400) // 4), 2)[1][:, 0].std()
    single = bootstrap(images.assign(group=np.arange(400)), 2)[1][:, 0].std()
    assert whole / single == pytest.approx(2, rel=0.1)  # sqrt(4)


def test_the_t_test_against_hand_worked_numbers():
    # Mean 0.03, variance (4 + 1 + 0 + 1 + 4)e-4 / 4 = 2.5e-4, (1/5 + 1/4) * 2.5e-4 = 1.125e-4:
    # t = 0.03 / 0.0106066 = 2.828427 = 2 sqrt 2, with 4 degrees of freedom.
    p, reason = corrected_t_test([0.01, 0.02, 0.03, 0.04, 0.05], 0.25)
    # Two-sided with 4 degrees: p = 1 - x (3 - x^2) / 2, x = t / sqrt(t^2 + 4) = sqrt(2/3).
    x = math.sqrt(2 / 3)
    assert p == pytest.approx(1 - x * (3 - x**2) / 2, abs=1e-12)
    assert reason == ""


def test_without_the_correction_it_is_the_paired_t_test():
    differences = [0.02, -0.01, 0.04]
    p, _ = corrected_t_test(differences, 0.0)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=1e-12)


@pytest.mark.parametrize(
    ("differences", "p", "word"),
    [
        ([0.0, 0.0, 0.0], 1.0, ""),
        ([0.1, 0.1], None, "no spread"),
        ([0.3 - 0.2, 0.1], None, "no spread"),  # equal but for rounding
        ([0.1], None, "fewer than two folds"),
    ],
)
def test_where_the_t_test_has_nothing_to_go_on(differences, p, word):
    found, reason = corrected_t_test(differences, 0.25)
    assert found == p
    assert word in reason
    assert bool(reason) == (p is None)


def test_what_folds_cannot_show():
    assert "2/2^5 = 0.0625," in power_note(5)
    assert "2/2^2 = 0.5," in power_note(2)
    assert "no test over folds" in power_note(1)


@pytest.fixture
def add(tmp_path):
    """Adds a run on ten or more images, the first `hits` of them right, to a list."""

    def added(method: str, hits: int, fold: int = 0, **settings):
        labels = settings.pop("labels", [0, 1, 2, 0, 1, 2, 0, 0, 0, 0])
        predicted = [c if i < hits else (c + 1) % 3 for i, c in enumerate(labels)]
        name = f"{method}{fold}{settings.get('seed', 0)}"
        folder = make_run(
            tmp_path / name,
            labels=labels,
            predicted=predicted,
            method=method,
            fold=fold,
            groups=range(100 * fold, 100 * fold + len(labels)),
            training_labels=TRAINING,
            **settings,
        )
        return read_run(folder)

    return added


def _found(runs, row, baseline="CE", metric="accuracy", definition=TOY) -> Comparison:
    wanted = (row, baseline, metric)
    comparisons = compare(build_table("toy", definition, runs))
    (one,) = [c for c in comparisons if (c.row, c.baseline, c.metric) == wanted]
    return one


def test_a_row_against_the_first(add):
    runs = [add("ce", h, f) for f, h in enumerate((5, 5, 5))]
    runs += [add("ldam", h, f) for f, h in enumerate((6, 7, 8))]
    found = _found(runs, "LDAM")
    assert found.folds == 3
    assert [fold for fold, _ in found.fold_differences] == [0, 1, 2]
    assert [d for _, d in found.fold_differences] == pytest.approx([0.1, 0.2, 0.3])
    assert found.difference == pytest.approx(0.2)
    assert found.pooled == pytest.approx(0.2)
    # Variance 0.01; 10 test and 40 training images; t = 0.2 / sqrt((1/3 + 1/4) * 0.01).
    t = 0.2 / math.sqrt(7 / 12 * 0.01)
    assert found.p == pytest.approx(2 * stats.t.sf(t, 2), abs=1e-12)
    assert found.note == ""
    # LDAM alone is right on 6 of 30 independent images: the interval is that of a proportion.
    low, high = stats.binom.ppf([0.025, 0.975], 30, 0.2) / 30
    assert found.interval == pytest.approx((low, high), abs=0.035)


def test_the_interval_of_f1_is_that_of_the_pooled_images(add):
    runs = [add("ce", h, f) for f, h in enumerate((5, 9))]
    runs += [add("ldam", h, f) for f, h in enumerate((7, 6))]
    found = _found(runs, "LDAM", metric="macro_f1")
    images = pd.DataFrame(
        {"label": [0, 1, 2, 0, 1, 2, 0, 0, 0, 0] * 2, "position": [*range(10)] * 2}
    )
    for column, hits in (("row", (7, 6)), ("baseline", (5, 9))):
        right = images["position"] < np.repeat(hits, 10)
        images[column] = np.where(right, images["label"], (images["label"] + 1) % 3)
    draws = group_draws(20)[:100]
    slow = [_slow(images.loc[np.repeat(np.arange(20), counts)], 3)[1] for counts in draws]
    resamples = bootstrap(images.assign(group=range(20), seed=0, weight=1.0), 3)[1][:, 1]
    assert resamples[:100] == pytest.approx(slow, abs=1e-12)
    ends = np.percentile(resamples, [2.5, 97.5])
    assert found.interval == pytest.approx(tuple(ends), abs=1e-12)
    assert found.pooled == pytest.approx(_slow(images, 3)[1], abs=1e-12)


def test_several_seeds_are_averaged_within_their_fold(add):
    runs = [add("ce", 5, f, seed=s) for f in (0, 1) for s in (0, 1)]
    runs += [add("ldam", h, f, seed=s) for f, s, h in ((0, 0, 6), (0, 1, 8), (1, 0, 9), (1, 1, 9))]
    found = _found(runs, "LDAM")
    assert [d for _, d in found.fold_differences] == pytest.approx([0.2, 0.4])
    assert found.pooled == pytest.approx(0.3)


def test_only_folds_and_seeds_that_both_have(add):
    runs = [add("ce", 5, 0), add("ce", 5, 1), add("ldam", 7, 1), add("ldam", 9, 2)]
    found = _found(runs, "LDAM")
    assert found.fold_differences == ((1, pytest.approx(0.2)),)
    assert found.p is None
    assert "fewer than two folds" in found.note


def test_nothing_in_common(add):
    found = _found([add("ce", 5, 0), add("ldam", 7, 1)], "LDAM")
    assert (found.folds, found.difference, found.pooled) == (0, None, None)
    assert (found.interval, found.p) == (None, None)
    assert "no fold and seed in common" in found.note


def test_folds_with_other_test_images_are_left_out(add):
    runs = [add("ce", 5, f) for f in (0, 1, 2)]
    runs += [add("ldam", 7, 0), add("ldam", 6, 1), add("ldam", 7, 2, labels=[0, 1, 2] * 4)]
    found = _found(runs, "LDAM")
    assert [fold for fold, _ in found.fold_differences] == [0, 1]
    assert "Test images differ in fold 2" in found.note


def test_the_best_row_against_the_runner_up(add):
    runs = [add(m, h, f) for f in (0, 1) for m, h in (("ce", 5), ("ldam", 7), ("cicl", 9))]
    pairs = [(c.row, c.baseline) for c in compare(build_table("toy", TOY, runs))]
    assert pairs == [("LDAM", "CE"), ("CICL", "CE"), ("CICL", "LDAM")] * 2
    # CICL with one fold of two is not the best; CE is the runner-up, and is not repeated.
    fewer = [r for r in runs if (r.metrics["method"], r.fold) != ("cicl", 1)]
    pairs = [(c.row, c.baseline) for c in compare(build_table("toy", TOY, fewer))]
    assert pairs == [("LDAM", "CE"), ("CICL", "CE")] * 2


def test_the_definitions_pairs_are_compared_once(add):
    runs = [add(m, h, 0) for m, h in (("ce", 5), ("ldam", 9), ("cicl", 7))]
    pairs = (("CICL", "LDAM"), ("LDAM", "CICL"), ("LDAM", "CE"))
    definition = TOY.model_copy(update={"pairs": pairs})
    found = compare(build_table("toy", definition, runs))
    assert [(c.row, c.baseline) for c in found if c.metric == "accuracy"] == [
        *(("LDAM", "CE"), ("CICL", "CE")),
        *(("CICL", "LDAM"), ("LDAM", "CICL")),
    ]
    assert {c.table for c in found} == {"toy"}


def test_a_pair_that_names_no_row_is_refused():
    with pytest.raises(UserError, match=r"Toy has no row LDM \(did you mean LDAM\?\)"):
        Definition(title="Toy", rows=TOY.rows, pairs=(("LDM", "CE"),))


def test_each_block_has_its_own_runner_up(tmp_path):
    kinds = {("ce", "none"): 3, ("ce", "sqrt"): 4, ("ldam", "sqrt"): 2, ("ldam", "none"): 1}
    rows, runs = [], []
    for (block, sampler), hits in kinds.items():
        overrides = (f"method={block}", f"sampler={sampler}")
        rows.append(Row(name=sampler, block=block, overrides=overrides))
        folder = make_run(
            tmp_path / rows[-1].label,
            labels=[0, 0, 0, 0, 1],
            predicted=[0] * hits + [1] * (5 - hits),
            method=block,
            sampler=sampler,
        )
        runs.append(read_run(folder))
    table = build_table("toy", Definition(title="Blocks", rows=tuple(rows)), runs)
    pairs = [(c.row, c.baseline) for c in compare(table) if c.metric == "accuracy"]
    first = "ce, none"
    assert pairs == [
        ("ce, sqrt", first),
        ("ldam, sqrt", first),
        ("ldam, none", first),
        ("ldam, sqrt", "ldam, none"),
    ]


def test_a_row_without_a_run_is_passed_over(add):
    assert compare(build_table("toy", TOY, [add("ce", 5)])) == []


def test_as_a_frame(add):
    comparisons = compare(
        build_table("toy", TOY, [add("ce", 5), add("ldam", 7), add("cicl", 5, 1)])
    )
    frame = comparison_frame(comparisons)
    first = frame.iloc[0]
    assert (first["row"], first["baseline"], first["folds"]) == ("LDAM", "CE", 1)
    assert set(frame["figure"]) == {"accuracy", "macro_f1"}
    assert (first["low"], first["high"]) == comparisons[0].interval
    assert math.isnan(first["p"])
    assert frame[frame["row"] == "CICL"]["difference"].isna().all()
    assert comparison_frame([]).columns.tolist() == frame.columns.tolist()
