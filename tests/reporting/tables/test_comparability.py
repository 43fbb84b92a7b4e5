"""Sentences on runs that do not compare."""

from dataclasses import replace

import pytest

from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.comparability import warnings_about
from aduni.reporting.tables.definitions import Definition, Row
from aduni.results.finished_runs import read_run
from hand_made import make_run

ROWS = {"CE": "ce", "LDAM": "ldam", "AdUni": "aduni"}
TOY = Definition(
    title="Toy",
    rows=tuple(Row(name=name, overrides=(f"method={text}",)) for name, text in ROWS.items()),
)


@pytest.fixture
def add(tmp_path):
    """Makes a run, whose folder lies among others, with changes to its configuration."""

    def added(name, method="ce", metrics=None, **changes):
        settings = {"method": method, "dataset": "isic2018", "fold": 0, "seed": 0}
        settings |= {key: changes.pop(key) for key in settings if key in changes}
        run = read_run(make_run(tmp_path / name, labels=[0, 1, 2], predicted=[0, 1, 1], **settings))
        for key, value in changes.items():
            *parents, last = key.split("__")
            held = run.config
            for parent in parents:
                held = held.setdefault(parent, {})
            held[last] = value
        return replace(run, metrics={**run.metrics, **(metrics or {})})

    return added


def _warnings(runs):
    return warnings_about([build_table("toy", TOY, runs)])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochs": 7}, "different epochs, 2 (CE) and 7 (LDAM)"),
        ({"batch_size": 7}, "different batch sizes, 6 (CE) and 7 (LDAM)"),
        ({"dataset__image_size": 7}, "different image sizes, 16 (CE) and 7 (LDAM)"),
        ({"encoder__name": "resnet50"}, "different encoders, resnet18 (CE) and resnet50 (LDAM)"),
        ({"lr": 0.1}, "different learning rates, 0.05 (CE) and 0.1 (LDAM)"),
        ({"lr": 1.0, "epochs": 2.0}, "different learning rates, 0.05 (CE) and 1 (LDAM)"),
        ({"weight_decay": 1e-3}, "different weight_decay, absent (CE) and 0.001 (LDAM)"),
        (
            {"sampler__epoch_length": 12},
            "different sampler.epoch_length, null (CE) and 12 (LDAM)",
        ),
        (
            {"encoder__pretrained": True, "dataset__mean": [0.5, 0.1]},
            "different dataset.mean, absent (CE) and [0.5, 0.1] (LDAM); "
            "different encoder.pretrained, absent (CE) and true (LDAM)",
        ),
        (
            {"dataset__augment": [{"p": 0.5, "rotate": [-9, 9]}]},
            "different dataset.augment.0.p, absent (CE) and 0.5 (LDAM); "
            "different dataset.augment.0.rotate, absent (CE) and [-9, 9] (LDAM)",
        ),
        (
            {"metrics": {"git_commit": None}},
            "several commits, 0000000000 (2 runs) and unknown (2 runs)",
        ),
        (
            {"metrics": {"git_commit": f"{'0' * 40}-dirty"}},
            "several commits, 0000000000 (2 runs) and 0000000000-dirty (2 runs)",
        ),
        (
            {"metrics": {"versions": {"aduni": "0.2.0", "torch": "3.0", "python": "4"}}},
            "incompatible versions, aduni 0.1.0 (CE) and 0.2.0 (LDAM); "
            "torch 2.15.0 (CE) and 3.0 (LDAM)",
        ),
        ({"metrics": {"caveat": "Seen before."}}, "Seen before (LDAM)"),
    ],
)
def test_what_does_not_compare_is_one_sentence(add, changes, sentence):
    runs = [add(f"a{fold}", fold=fold) for fold in (0, 1)]
    runs += [add(f"b{fold}", "ldam", fold=fold, **changes) for fold in (0, 1)]
    assert _warnings(runs) == [f"ISIC2018: {sentence}."]


def test_splits_compare_within_a_fold(add):
    runs = [add(f"a{fold}", fold=fold, metrics={"split_hash": f"s{fold}"}) for fold in (0, 1)]
    runs += [add("b0", "ldam", metrics={"split_hash": "s0"})]
    runs += [add("b1", "ldam", fold=1, metrics={"split_hash": "else"})]
    assert _warnings(runs) == ["ISIC2018: different splits, in fold 1 s1 (CE) and else (LDAM)."]


def test_the_encoder_takes_the_image_size_from_the_data_set(add):
    sizes = [{"dataset__image_size": size, "encoder__image_size": size} for size in (16, 32)]
    runs = [add("a", **sizes[0]), add("b", "ldam", **sizes[1])]
    assert _warnings(runs) == ["ISIC2018: different image sizes, 16 (CE) and 32 (LDAM)."]
    runs.append(add("c", "aduni", encoder__image_size=8, dataset__image_size=32))
    (text,) = _warnings(runs)
    assert "; different encoder.image_size, 16 (CE) and 32 (LDAM) and 8 (AdUni)." in text


def test_clean_beside_paper_says_which_part_selects(add):
    paper = {"protocol__name": "paper", "protocol__folds": 3, "metrics": {"selected_on": "test"}}
    assert _warnings([add("a"), add("b", "ldam", **paper)]) == [
        "ISIC2018: different protocols, clean, selected on validation (CE) and paper, selected on "
        "test (LDAM)."
    ]
    assert _warnings([add("c"), add("d", "ldam", protocol__folds=3)]) == [
        "ISIC2018: different protocol.folds, 5 (CE) and 3 (LDAM)."
    ]


@pytest.mark.parametrize("many", [6, 7, 9])
def test_many_keys_are_counted(add, many):
    changes = {f"key{i}": i for i in range(many - 1)}
    runs = [add("a"), add("b", "ldam", **changes, lr=0.1)]
    shown = ["different learning rates, 0.05 (CE) and 0.1 (LDAM)"]
    shown += [f"different key{i}, absent (CE) and {i} (LDAM)" for i in range(5)]
    end = {6: ".", 7: ", and 1 more key.", 9: ", and 3 more keys."}[many]
    assert _warnings(runs) == [f"ISIC2018: {'; '.join(shown)}{end}"]


def test_what_is_of_no_account_or_differs_by_design_is_not_told(add):
    changes = {
        **{"num_workers": 4, "save_features": True, "resume": "x", "verbose": True},
        **{"logger": {"csv": {"save_dir": "x"}}, "dataset__root": "x", "dataset__cache_dir": "x"},
        **{"protocol__split_file": "x", "trainer__accelerator": "gpu", "names__sampler": "x"},
        "alpha__value": 0.3,
    }
    design = {"method__temperature": 2.0, "sampler___target_": "else"}
    ours = [add("a0"), add("a1", fold=1, **changes)]
    assert _warnings([*ours, add("b", "ldam", seed=0, **changes, **design)]) == []


def test_data_sets_need_not_compare(add):
    aptos = {"dataset": "aptos", "metrics": {"split_hash": "other", "git_commit": "other"}}
    assert _warnings([add("a"), add("b", epochs=7, **aptos)]) == []


def test_a_row_mixes_runs_of_different_settings(add):
    runs = [add("a0", "aduni", method__temperature=0.1, method__stage1_ckpt="x")]
    runs += [add("a1", "aduni", fold=1, method__temperature=0.2, method__stage1_ckpt="y")]
    runs += [add("a2", "aduni", fold=2, method__temperature=0.1), add("b", method__temperature=1)]
    text = "AdUni mixes runs of different settings: method.temperature 0.1 (a0, a2) and 0.2 (a1)"
    assert _warnings(runs) == [f"ISIC2018: {text}."]
    runs += [add("b1", fold=1, method__temperature=1, sampler___target_="else", alpha__value=3)]
    other = (
        "CE mixes runs of different settings: sampler._target_ "
        "aduni.data.InstanceBalanced (b) and else (b1)"
    )
    assert _warnings(runs) == [f"ISIC2018: {other}; {text}."]


def test_a_row_alone_is_only_mixed(add):
    runs = [add("a0"), add("a1", fold=1, epochs=7, lr=1)]
    assert _warnings(runs) == [
        "ISIC2018: CE mixes runs of different settings: epochs 2 (a0) and 7 (a1); "
        "learning rates 0.05 (a0) and 1 (a1)."
    ]


def test_a_mixed_row_is_named_with_its_folders(add):
    runs = [add("deep/a0"), add("a1", fold=1, epochs=7), add("b0", "ldam")]
    assert _warnings(runs) == [
        "ISIC2018: different epochs, 2 (CE in a0, LDAM) and 7 (CE in a1).",
        "ISIC2018: CE mixes runs of different settings: epochs 2 (a0) and 7 (a1).",
    ]
    runs += [add("a2", fold=2)]
    assert "2 (CE in a0, a2; LDAM) and 7 (CE in a1)" in _warnings(runs)[0]


@pytest.fixture
def blocks():
    """A second table, with the first one's AdUni and a row with the name of another."""
    rows = (
        Row(name="AdUni", block="alpha", overrides=("method=aduni",)),
        Row(name="CE", overrides=("method=cicl",)),
    )
    return Definition(title="Blocks", rows=rows)


def test_tables_are_compared_with_each_other_each_run_once(add, blocks):
    runs = [add("a"), add("b", "aduni", lr=0.1), add("c", "cicl", epochs=7)]
    tables = [build_table("toy", TOY, runs), build_table("blocks", blocks, runs)]
    lr = "different learning rates, 0.05 (CE) and 0.1 (AdUni)"
    assert warnings_about(tables[:1]) == [f"ISIC2018: {lr}."]
    assert warnings_about(tables) == [
        # The tables have different rows of one name: neither is mixed.
        "ISIC2018: different epochs, 2 (CE, AdUni) and 7 (CE); "
        "different learning rates, 0.05 (CE) and 0.1 (AdUni)."
    ]
    assert warnings_about(tables[::-1])[0].endswith("0.1 (alpha, AdUni) and 0.05 (CE).")
    assert warnings_about([]) == []


@pytest.mark.parametrize(
    ("count", "others"), [(5, "CE, LDAM, AdUni, CICL"), (6, "the other 5 rows")]
)
def test_many_rows_of_one_value_are_counted(count, others, add):
    names = ["PaCo", "CE", "LDAM", "AdUni", "CICL", "BALMS"][:count]
    rows = tuple(Row(name=name, overrides=(f"method={name.lower()}",)) for name in names)
    definition = Definition(title="Toy", rows=rows)
    runs = [add("first", "paco", lr=0.1), *(add(name, name.lower()) for name in names[1:])]
    assert warnings_about([build_table("toy", definition, runs)]) == [
        f"ISIC2018: different learning rates, 0.1 (PaCo) and 0.05 ({others})."
    ]


def test_what_tables_say_comes_first_and_once(add):
    runs = [add("a"), add("b"), add("c", "ldam", epochs=7)]
    tables = [build_table(name, TOY, runs) for name in ("one", "two")]
    first, second = warnings_about(tables)
    assert first.startswith("Of several runs of one kind the newest counts: ")
    assert second.startswith("ISIC2018: ")
