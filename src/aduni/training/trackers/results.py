"""Collect what every tracker gets from a finished run: figures, tables, pictures and texts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aduni.results.history_csv import read_history
from aduni.results.run_folder import RunFolder

PER_CLASS = {"f1": "per_class_f1", "recall": "per_class_recall"}
RUN_METRICS = ("selected_epoch", "train_seconds", "images_per_second")
PICTURES = (".svg", ".png")
TEXTS = ("model_card.md", "index.html")


@dataclass(frozen=True)
class RunResults:
    """Figures, tables, pictures and texts of a finished run.

    Attributes:
        metrics: name -> value: `test/NAME`, `test/f1/CLASS`, `val/NAME_best` of the selected epoch.
        chosen: names of the metrics by which runs are compared.
        classes: images, F1 and recall of each class.
        confusion: test images by true class (rows) and predicted class.
        files: pictures and texts that the run has left.
        dataset: name of the data set.
        step: last epoch, counted through all stages.
    """

    metrics: dict[str, float]
    chosen: tuple[str, ...]
    classes: pd.DataFrame
    confusion: pd.DataFrame
    files: list[Path]
    dataset: str
    step: int


def run_results(metrics: dict[str, Any], folder: RunFolder) -> RunResults:
    """Collect the results of a run.

    Args:
        metrics: what metrics.json holds.
        folder: folder of the run, with all of its files.
    """
    test, names = metrics["test"], list(metrics["test"]["support"])
    classes = {
        "trained on": metrics["training_counts"],
        "tested on": test["support"],
        "F1": test["per_class_f1"],
        "recall": test["per_class_recall"],
    }
    values = _metrics(metrics)
    files = [file for file in sorted(folder.path.iterdir()) if file.suffix in PICTURES]
    files += [folder.path / name for name in TEXTS if (folder.path / name).is_file()]
    return RunResults(
        values,
        tuple(name for name in ("test/macro_f1", "val/macro_f1_best") if name in values),
        pd.DataFrame(classes).rename_axis("class"),
        pd.DataFrame(test["confusion_matrix"], names, names),
        files,
        metrics["dataset"],
        max(len(read_history(folder.history)) - 1, 0),
    )


def _metrics(metrics: dict[str, Any]) -> dict[str, float]:
    test, validation = metrics["test"], metrics["validation"] or {}
    values = {f"test/{name}": value for name, value in test.items()}
    values |= {f"val/{name}_best": value for name, value in validation.items()}
    for name, key in PER_CLASS.items():
        values |= {f"test/{name}/{_plain(label)}": value for label, value in test[key].items()}
    values |= {name: metrics[name] for name in RUN_METRICS}
    return {name: float(v) for name, v in values.items() if isinstance(v, float | int)}


def _plain(label: str) -> str:
    """Replace what a tracker could take for a path, or refuse, in the name of a class."""
    return re.sub(r"[^\w.\- ]", "_", label)
