"""Summarise what was run, and how, as pairs of term and value."""

import datetime
from collections.abc import Iterable, Sequence

from aduni.report.tables.comparability import short_commit
from aduni.report.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.results.plan import Plan


def summarise(runs: Sequence[Run], plan: Plan | None) -> list[tuple[str, str]]:
    """Return pairs for the top of the page."""
    # Floors have no use for image size, epochs and batches.
    metrics = [run.metrics for run in runs if not run.is_floor] or [run.metrics for run in runs]
    hours = sum(float(m["train_seconds"]) for m in metrics) / 3600
    planned = len(plan.runs) if plan else len(runs)
    packages = ("aduni", "torch", "pytorch-lightning", "albumentations", "python")
    pairs = [
        ("Profile", plan.profile if plan else "none: runs as they were found"),
        ("Runs", f"{len(runs)} of {planned} finished"),
        ("Data sets", _listed(title_of(run.dataset) for run in runs)),
        ("Protocol", _listed(_protocol(run) for run in runs)),
        ("Images", _listed(f"{m['image_size']} px" for m in metrics)),
        ("Epochs", _listed(m["epochs"] for m in metrics)),
        ("Batch", _listed(m["batch_size"] for m in metrics)),
        ("Splits", _splits(runs)),
        (
            "Training time",
            f"{hours:.1f} h in all" if hours >= 1 else f"{60 * hours:.0f} min in all",
        ),
        ("Hardware", _listed(_hardware(run) for run in runs)),
        *((name, _listed(m["versions"].get(name, "") for m in metrics)) for name in packages),
        ("Commit", _listed(short_commit(m["git_commit"]) for m in metrics)),
        ("Report of", datetime.date.today().isoformat()),
    ]
    return [(term, value) for term, value in pairs if value]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))


def _protocol(run: Run) -> str:
    caveat = run.metrics["caveat"]
    text = (
        f"{run.metrics['protocol']}, checkpoint selected on the {run.metrics['selected_on']} part"
    )
    return f"{text} ({caveat})" if caveat else text


def _splits(runs: Sequence[Run]) -> str:
    found = {
        f"{title_of(run.dataset)} fold {run.fold}: {run.metrics['split_hash']}": None
        for run in sorted(runs, key=lambda run: (run.dataset, run.fold))
    }
    return _listed(found)


def _hardware(run: Run) -> str:
    hardware = run.metrics["hardware"]
    gpus = ", ".join(dict.fromkeys(hardware["gpus"]))
    threads = hardware["threads"]
    return gpus or f"{hardware['processor']}, {threads} CPU thread{'s' * (threads != 1)}"
