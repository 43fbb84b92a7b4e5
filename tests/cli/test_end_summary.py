"""The summary that a run prints at its end."""

from aduni.cli.end_summary import LOWEST_CLASSES, print_summary
from aduni.results.run_folder import RunFolder


def metrics_of(classes, ordinal=False, unpredicted=0):
    predicted = classes - unpredicted
    names = [f"class {number:03d}" for number in range(classes)]
    test = {"accuracy": 0.5, "macro_f1": 0.5, "balanced_accuracy": 0.5, "macro_auroc": None}
    test |= {"quadratic_kappa": 0.25 if ordinal else None, "expected_calibration_error": 0.1}
    test["per_class_f1"] = {name: number / classes for number, name in enumerate(names)}
    test["per_class_recall"] = dict.fromkeys(names, 0.5)
    test["support"] = dict.fromkeys(names, 2)
    what = dict.fromkeys(("dataset", "method", "sampler", "protocol"), "toy")
    test["confusion_matrix"] = [[1] * predicted + [0] * (classes - predicted)] * classes
    return {
        **what,
        **{"fold": 0, "seed": 0, "caveat": None, "selected_epoch": 1, "selected_on": "validation"},
        **{"task": "ordinal" if ordinal else "multiclass", "validation": None, "test": test},
        "training_counts": dict.fromkeys(names, 5),
    }


def test_kappa_is_shown_of_grades_alone(tmp_path, capsys):
    print_summary(metrics_of(3), RunFolder(tmp_path))
    assert "Quadratic kappa" not in capsys.readouterr().out
    print_summary(metrics_of(3, ordinal=True), RunFolder(tmp_path))
    assert "Quadratic kappa" in capsys.readouterr().out


def test_of_many_classes_the_lowest_are_shown_and_the_others_counted(tmp_path, capsys):
    print_summary(metrics_of(1000), RunFolder(tmp_path))
    text = capsys.readouterr().out
    assert f"the {LOWEST_CLASSES} of 1000 with the lowest F1" in " ".join(text.split())
    assert text.count("class 0") == LOWEST_CLASSES
    print_summary(metrics_of(60), RunFolder(tmp_path))
    assert capsys.readouterr().out.count("class 0") == 60


def test_classes_that_were_never_predicted_are_named(tmp_path, capsys):
    print_summary(metrics_of(4, unpredicted=2), RunFolder(tmp_path))
    assert "Never predicted on the test part: class 002, class 003." in capsys.readouterr().out
    print_summary(metrics_of(100, unpredicted=98), RunFolder(tmp_path))
    assert f"class 021 and {98 - LOWEST_CLASSES} more." in capsys.readouterr().out
    print_summary(metrics_of(2), RunFolder(tmp_path))
    assert "Never predicted" not in capsys.readouterr().out


def test_intervals_are_shown_where_they_are_known(tmp_path, capsys):
    print_summary(metrics_of(3), RunFolder(tmp_path))
    assert "95 %" not in capsys.readouterr().out
    metrics = {**metrics_of(3), "test_intervals": {"accuracy": [0.41234, 0.6]}}
    print_summary(metrics, RunFolder(tmp_path))
    text = capsys.readouterr().out
    assert "95 % interval" in text
    assert "0.4123 to 0.6000" in text


def test_a_stage_that_ended_early_is_named_with_the_reason(tmp_path, capsys):
    stage = {"name": "train", "epochs": 50, "handed_over": "best", "epoch": 8}
    metrics = {**metrics_of(3), "stages": [{**stage, "trained": 12, "ended_by": "patience"}]}
    print_summary(metrics, RunFolder(tmp_path))
    assert "patience ended train after epoch 12 of 50." in capsys.readouterr().out
