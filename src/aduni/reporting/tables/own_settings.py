"""Make a table of any runs: a row for each distinct setting, named by what differs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean

from aduni.errors import UserError, did_you_mean
from aduni.reporting.tables.build_table import table_of
from aduni.reporting.tables.comparability import IGNORED, flattened
from aduni.reporting.tables.definitions import Definition, Row
from aduni.reporting.tables.table import Table
from aduni.results.finished_runs import Run
from aduni.results.former_configurations import with_class_weights
from aduni.results.identity import comparable

NAME = "settings"
OURS = "aduni"
"""Method that is compared with the others, the baselines."""
TITLES = {
    "aduni": "AdUni",
    "balanced_softmax": "Balanced Softmax",
    "balms": "BALMS",
    "bcl": "BCL",
    "ce": "CE",
    "cicl": "CICL",
    "class_balanced": "class-balanced CE",  # of earlier versions
    "corn": "CORN",
    "cosine_means": "cosine classifier from class means",
    "cost_sensitive": "cost-sensitive CE",
    "decouple": "Decouple",
    "ecl": "ECL",
    "focal": "focal loss",
    "gaussian_smoothing": "Gaussian label smoothing",
    "gcl": "GCL",
    "lade": "LADE",
    "label_over_smoothing": "label over-smoothing",
    "ldam": "LDAM",
    "logit_adjustment": "logit adjustment",
    "logit_adjustment_post_hoc": "CE with post-hoc logit adjustment",
    "mislas": "MiSLAS",
    "paco": "PaCo",
    "vs": "VS loss",
}
"""Titles of methods whose names are abbreviations or several words; others go by their names."""
GROUPS = ("sampler", "alpha", "class_weights", "recipe")
"""Chosen options that name a setting before single keys do."""
NO_SETTING = (*IGNORED, "method.stage1_ckpt")


def own_table(runs: Sequence[Run], columns: Sequence[str], reference: str | None) -> Table:
    """Build the table of all runs that have a network; the reference is its first row.

    Args:
        reference: label of the row that the others are compared with; None for the baseline,
            a method other than AdUni, with the highest macro F1 on the validation parts.

    Raises:
        UserError: if there is no row of that label.
    """
    trained = [run for run in runs if not run.is_floor]
    labels = setting_labels(trained)
    found = [(labels[run.folder.path], run) for run in trained]
    names = list(dict.fromkeys(sorted(labels.values())))
    first = _reference(found, reference) if names else None
    names.sort(key=lambda label: label != first)
    rows = tuple(Row(name=label, overrides=()) for label in names)
    return table_of(NAME, Definition(title="Results", rows=rows), found, columns=columns)


def setting_labels(runs: Sequence[Run]) -> dict[Path, str]:
    """Name the setting of every run by its method and the keys in which those of a method differ.

    Returns:
        The label by the folder of the run. Runs that differ in data set, fold and seed alone, or
        in keys that no metric depends on, have one label.
    """
    settings = {run.folder.path: _settings(run) for run in runs}
    datasets = {run.folder.path: run.dataset for run in runs}
    labels = {path: TITLES.get(held["method"], held["method"]) for path, held in settings.items()}
    keys = dict.fromkeys((*GROUPS, *(key for held in settings.values() for key in held)))
    for key in keys:
        values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for path, held in settings.items():
            values[labels[path]][datasets[path]].add(held.get(key, "absent"))
        for path, held in settings.items():
            if any(len(found) > 1 for found in values[labels[path]].values()):
                labels[path] += f", {key}={held.get(key, 'absent')}"
    return labels


def _settings(run: Run) -> dict[str, str]:
    """Return the keys that make a setting, the chosen options of groups first."""
    names: Mapping[str, str] = {"class_weights": "none", **with_class_weights(run.config)["names"]}
    chosen = {group: str(names[group]) for group in ("method", *GROUPS) if group in names}
    keys = flattened(comparable(run.config))
    return chosen | {k: v for k, v in keys if not any(fnmatchcase(k, p) for p in NO_SETTING)}


def _reference(found: Sequence[tuple[str, Run]], asked: str | None) -> str:
    labels = list(dict.fromkeys(label for label, _ in found))
    if asked is not None:
        if asked in labels:
            return asked
        raise UserError(
            f"reference={asked} is not a row{did_you_mean(asked, labels)}; choose one of "
            f"{', '.join(labels)}."
        )
    baselines = [pair for pair in found if pair[1].config["names"]["method"] != OURS] or found
    labels = list(dict.fromkeys(label for label, _ in baselines))
    return max(labels, key=lambda label: validation_mean(r for name, r in found if name == label))


def validation_mean(runs: Iterable[Run]) -> float:
    """Return the mean macro F1 of the validation parts, -1 where there is none."""
    parts = [run.metrics["validation"] for run in runs]
    return fmean(part["macro_f1"] if part else -1.0 for part in parts)
