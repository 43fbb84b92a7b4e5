"""Summarise what was run, and how, as pairs of term and value."""

import datetime
from collections.abc import Iterable, Sequence

from aduni.reporting.tables.comparability import short_commit
from aduni.reporting.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.results.plan import Plan


def summarise(runs: Sequence[Run], plan: Plan | None, forms: str) -> list[tuple[str, str]]:
    """Return pairs for the end of the page; `forms` says how given predictions were understood."""
    # Floors have no use for image size, epochs and batches.
    metrics = [run.metrics for run in runs if not run.is_floor] or [run.metrics for run in runs]
    hours = sum(float(m["train_seconds"] or 0) for m in metrics) / 3600
    planned = len(plan.runs) if plan else len(runs)
    packages = ("aduni", "torch", "pytorch-lightning", "albumentations", "python")
    pairs = [
        ("Profile", plan.profile if plan else "none: runs as they were found"),
        ("Runs", f"{len(runs)} of {planned} finished"),
        ("Predictions", forms),
        ("Data sets", _listed(title_of(run.dataset) for run in runs)),
        ("Protocol", _listed(_protocol(run) for run in runs)),
        ("Images", _listed(f"{m['image_size']} px" for m in metrics if m["image_size"])),
        ("Epochs", _listed(m["epochs"] or "" for m in metrics)),
        ("Batch", _listed(m["batch_size"] or "" for m in metrics)),
        ("Splits", _splits(runs)),
        ("Training time", _duration(hours) if hours else ""),
        ("Hardware", _listed(_hardware(run) for run in runs)),
        *((name, _listed(m["versions"].get(name, "") for m in metrics)) for name in packages),
        ("Commit", _listed(short_commit(m["git_commit"]) for m in metrics if m["versions"])),
        ("Report of", datetime.date.today().isoformat()),
    ]
    return [(term, value) for term, value in pairs if value]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(text for text in map(str, values) if text))


def _duration(hours: float) -> str:
    return f"{hours:.1f} h in all" if hours >= 1 else f"{60 * hours:.0f} min in all"


def _protocol(run: Run) -> str:
    caveat, part = run.metrics["caveat"], run.metrics["selected_on"]
    text = f"{run.metrics['protocol']}, checkpoint selected on the {part} part"
    if not part:
        return str(run.metrics["protocol"])
    return f"{text} ({caveat})" if caveat else text


def _splits(runs: Sequence[Run]) -> str:
    found = {
        f"{title_of(run.dataset)} fold {run.fold}: {run.metrics['split_hash']}": None
        for run in sorted(runs, key=lambda run: (run.dataset, run.fold))
    }
    return _listed(found)


def _hardware(run: Run) -> str:
    hardware = run.metrics["hardware"]
    if not hardware:
        return ""
    gpus = ", ".join(dict.fromkeys(hardware["gpus"]))
    threads = hardware["threads"]
    return gpus or f"{hardware['processor']}, {threads} CPU thread{'s' * (threads != 1)}"
