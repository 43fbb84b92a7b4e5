"""What a run says on the screen and in its log, and what it says at its end."""

import logging
import re
import shlex
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from aduni.metrics.names import OF_PREDICTIONS
from aduni.results.metrics_json import is_ordinal
from aduni.results.run_folder import RunFolder

log = logging.getLogger(__name__)

PLAIN = re.compile(r"[\w./-]+")
"""A path that Hydra takes as it is."""

MOST_CLASSES, LOWEST = 60, 20
"""With more classes the table has the lowest alone; metrics.json and the card have all."""


def is_unicode() -> bool:
    """Whether the screen has more letters than ASCII."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def tell(heading: str, *parts: RenderableType) -> None:
    """Print texts and tables, and write them into the log, there without colours.

    Args:
        heading: in the log, above the parts.
        parts: one below the other; texts keep their line, so that they can be copied.
    """
    screen = Console(markup=False, emoji=False, highlight=False)
    with screen.capture() as capture:
        _print(screen, parts)
    encoding = sys.stdout.encoding or "utf-8"
    print(capture.get().encode(encoding, "replace").decode(encoding), end="", flush=True)
    plain = StringIO()
    _print(Console(file=plain, width=screen.width, markup=False, highlight=False), parts)
    log.info("%s\n%s", heading, plain.getvalue())


def _print(console: Console, parts: tuple[RenderableType, ...]) -> None:
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))


def print_summary(metrics: dict[str, Any], folder: RunFolder, sweep: Path | None = None) -> None:
    """Tables of a run's figures, its files, and commands that use them.

    Args:
        metrics: what metrics.json holds; nothing is printed where it is empty.
        folder: of the run.
        sweep: folder of the multirun that the run is part of; None for a run of its own.
    """
    if not metrics:
        return
    parts: list[RenderableType] = [_figures(metrics), _classes(metrics)]
    if metrics["caveat"]:
        parts.append(f"Caveat: {metrics['caveat']}.")
    parts += [_origin(metrics), f"Results: {folder.path}", *_files(metrics, folder)]
    tell("finished", *parts, *_next(metrics, folder, sweep))


def _tested(metrics: dict[str, Any], folder: RunFolder) -> Path:
    """The checkpoint that the figures are of, which has the calibration; evaluate.py has none."""
    handed_over = [stage["handed_over"] for stage in metrics.get("stages", ())][-1:]
    last = folder.checkpoint("last")
    return last if handed_over == ["last"] and last.exists() else folder.checkpoint("best")


def _files(metrics: dict[str, Any], folder: RunFolder) -> list[str]:
    files = (_tested(metrics, folder), folder.predictions, folder.metrics, folder.card)
    return [f"  {file.relative_to(folder.path)}" for file in files if file.exists()]


def _next(metrics: dict[str, Any], folder: RunFolder, sweep: Path | None) -> list[str]:
    """What to do with a run; of a multirun one thing to do with them all."""
    if sweep is not None:
        return [f"Next: python src/report.py {_override('runs', sweep)}"]
    ckpt = _tested(metrics, folder)
    if not ckpt.exists():
        return []
    given = _override("ckpt", ckpt)
    return [
        "Next:",
        f"  python src/predict.py {given} images=DIR output=predictions.csv",
        f"  python src/explain.py {given} images=DIR",
    ]


def _override(key: str, path: Path) -> str:
    """key=PATH as a shell and Hydra take it; Hydra's grammar reads = and brackets in values."""
    text = str(path)
    if not PLAIN.fullmatch(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        text = f'"{escaped}"'
    return shlex.quote(f"{key}={text}")


def _figures(metrics: dict[str, Any]) -> Table:
    title = " ".join(str(metrics[key]) for key in ("dataset", "method", "sampler", "protocol"))
    table = Table("", title=f"{title}, fold {metrics['fold']}, seed {metrics['seed']}")
    parts = [part for part in ("test", "validation") if metrics[part]]
    for part in parts:
        table.add_column(part, justify="right")
    for key, metric in OF_PREDICTIONS.items():
        if not metric.ordinal or is_ordinal(metrics):
            table.add_row(metric.title, *(_number(metrics[part][key]) for part in parts))
    return table


def _classes(metrics: dict[str, Any]) -> Table:
    """Of many classes those of the lowest F1."""
    test, count = metrics["test"], len(metrics["test"]["support"])
    chosen = sorted(test["per_class_f1"], key=test["per_class_f1"].__getitem__)[:LOWEST]
    shown = list(test["support"]) if count <= MOST_CLASSES else chosen
    rest = f": the {len(shown)} of {count} with the lowest F1" if len(shown) < count else ""
    table = Table("class", title=f"test part by class{rest}")
    for column in ("trained on", "tested on", "F1", "recall"):
        table.add_column(column, justify="right")
    for name in shown:
        trained = str(metrics["training_counts"][name])
        f1, recall = test["per_class_f1"][name], test["per_class_recall"][name]
        table.add_row(name, trained, str(test["support"][name]), _number(f1), _number(recall))
    return table


def _origin(metrics: dict[str, Any]) -> str:
    if metrics["selected_epoch"] is None:
        return f"Epoch {metrics['epoch']}, which nothing selected: {metrics['checkpoint']}"
    return f"Selected epoch {metrics['selected_epoch']} on the {metrics['selected_on']} part."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
