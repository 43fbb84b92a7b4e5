"""The summary that a run prints at its end."""

from aduni.cli.end_summary import LOWEST_CLASSES, print_summary
from aduni.results.run_folder import RunFolder


def metrics_of(classes, ordinal=False):
    names = [f"class {number:03d}" for number in range(classes)]
    test = {"accuracy": 0.5, "macro_f1": 0.5, "balanced_accuracy": 0.5, "macro_auroc": None}
    test |= {"quadratic_kappa": 0.25 if ordinal else None, "expected_calibration_error": 0.1}
    test["per_class_f1"] = {name: number / classes for number, name in enumerate(names)}
    test["per_class_recall"] = dict.fromkeys(names, 0.5)
    test["support"] = dict.fromkeys(names, 2)
    what = dict.fromkeys(("dataset", "method", "sampler", "protocol"), "toy")
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
