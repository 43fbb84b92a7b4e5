"""What a finished run says on the screen and in its log."""

import logging
from typing import Any

from rich.console import Console
from rich.table import Table

from aduni.results import RunFolder

log = logging.getLogger(__name__)

FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "macro_auroc": "macro AUROC",
    "quadratic_kappa": "quadratic kappa",
    "expected_calibration_error": "calibration error",
}


def print_summary(metrics: dict[str, Any], folder: RunFolder) -> None:
    """Tables of a run's figures, and where they are.

    Args:
        metrics: what metrics.json holds; nothing is printed where it is empty.
        folder: of the run.
    """
    if not metrics:
        return
    console = Console()
    with console.capture() as capture:
        console.print(_figures(metrics), _classes(metrics))
        if metrics["caveat"]:
            console.print(f"Caveat: {metrics['caveat']}.")
        console.print(_origin(metrics))
        console.print("Results:", str(folder.path), soft_wrap=True)
    text = capture.get()
    print(text, end="")
    log.info("finished\n%s", text)


def _figures(metrics: dict[str, Any]) -> Table:
    title = " ".join(str(metrics[key]) for key in ("dataset", "method", "sampler", "protocol"))
    table = Table("", title=f"{title}, fold {metrics['fold']}, seed {metrics['seed']}")
    parts = [part for part in ("test", "validation") if metrics[part]]
    for part in parts:
        table.add_column(part, justify="right")
    for key, name in FIGURES.items():
        table.add_row(name, *(_number(metrics[part][key]) for part in parts))
    return table


def _classes(metrics: dict[str, Any]) -> Table:
    test = metrics["test"]
    table = Table("class", title="test part by class")
    for column in ("trained on", "tested on", "F1", "recall"):
        table.add_column(column, justify="right")
    for name, support in test["support"].items():
        trained = str(metrics["training_counts"][name])
        f1, recall = test["per_class_f1"][name], test["per_class_recall"][name]
        table.add_row(name, trained, str(support), _number(f1), _number(recall))
    return table


def _origin(metrics: dict[str, Any]) -> str:
    if metrics["selected_epoch"] is None:
        return f"Epoch {metrics['epoch']}, which nothing selected: {metrics['checkpoint']}"
    return f"Selected epoch {metrics['selected_epoch']} on the {metrics['selected_on']} part."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
