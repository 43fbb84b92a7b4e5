"""Run all floors on one fold of a data set, each in a run folder of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from aduni.config.build import build_data
from aduni.config.resume import resume_settings
from aduni.reproduce.planning import settings_of
from aduni.results.run_folder import RunFolder
from aduni.training.run import run

FLOORS = ("dummy", "shortcut_border", "shortcut_thumbnail", "shortcut_file")
"""Options of the group `method` that have no network."""


def run_floors(overrides: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Run each floor in a folder of its name below `folder`, and return their metrics.

    Finished runs are read. The floor of files is left out for a data set without image files.

    Args:
        overrides: of train.py, without a method.
    """
    metrics = []
    for name in FLOORS:
        given = (*overrides, f"method={name}", "resume=auto")
        settings = settings_of(given)
        if name == "shortcut_file" and build_data(settings).table.files is None:
            continue
        place = RunFolder(folder / name)
        place.path.mkdir(parents=True, exist_ok=True)
        metrics.append(run(resume_settings(settings, given, place), place))
    return metrics


def floors_table(metrics: Sequence[dict[str, Any]]) -> Table:
    """Return a table with a row for each floor: metrics of the test part, and the learner."""
    first = metrics[0]
    title = f"{first['dataset']}, fold {first['fold']}, seed {first['seed']}: test part"
    table = Table("floor", title=title)
    for column in ("accuracy", "macro F1"):
        table.add_column(column, justify="right")
    table.add_column(f"learner, selected on the {first['selected_on']} part")
    for each in metrics:
        values = (f"{each['test'][key]:.3f}" for key in ("accuracy", "macro_f1"))
        table.add_row(each["method"], *values, each["found"]["learner"])
    return table
