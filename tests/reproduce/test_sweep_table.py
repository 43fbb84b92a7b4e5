"""The table at the end of a multirun."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from aduni.reporting.tables import own_settings
from aduni.reproduce.sweep_table import MAX_COLUMNS, sweep_tables

HEADER = "fold 0, seed 1 fold 0, seed 2 mean deviation validation mean"


@pytest.fixture
def lines(monkeypatch):
    """Lines of the tables of runs, given as (label, data set, fold, seed, macro F1)."""

    def printed(*runs):
        made = [
            SimpleNamespace(
                folder=SimpleNamespace(path=number),
                dataset=dataset,
                fold=fold,
                seed=seed,
                test={"macro_f1": f1},
                metrics={"validation": {"macro_f1": f1 / 2} if f1 < 0.9 else None},
            )
            for number, (_, dataset, fold, seed, f1) in enumerate(runs)
        ]
        labels = {number: run[0] for number, run in enumerate(runs)}
        monkeypatch.setattr(own_settings, "setting_labels", lambda _: labels)
        text = StringIO()
        for table in sweep_tables(made):
            Console(file=text, width=100).print(table)
        return [
            line.replace("│", " ").replace("┃", " ").split()
            for line in text.getvalue().splitlines()
        ]

    return printed


def test_settings_are_rows_and_folds_are_columns(lines):
    found = lines(("CE", "toy", 0, 0, 0.5), ("CE", "toy", 1, 0, 0.7), ("AdUni", "toy", 1, 0, 0.9))
    assert ["setting", "fold", "0", "fold", "1", "mean", "deviation", "validation", "mean"] in found
    assert ["CE", "0.5000", "0.7000", "0.6000", "0.1414", "0.3000"] in found
    assert ["AdUni", "-", "0.9000", "0.9000", "-", "-"] in found


def test_seeds_are_told_apart(lines):
    found = lines(("CE", "toy", 0, 1, 0.5), ("CE", "toy", 0, 2, 0.7))
    assert ["setting", *HEADER.split()] in found


def test_of_many_folds_mean_and_deviation_remain(lines):
    found = lines(*(("CE", "toy", fold, 0, 0.5) for fold in range(MAX_COLUMNS + 1)))
    assert ["CE", "0.5000", "0.0000", "0.2500"] in found


def test_each_data_set_has_its_table(lines):
    found = lines(("CE", "one", 0, 0, 0.5), ("CE", "two", 0, 0, 0.7))
    assert ["CE", "0.5000", "0.5000", "-", "0.2500"] in found
    assert ["CE", "0.7000", "0.7000", "-", "0.3500"] in found
