"""Print to the screen and the log, and summarise a finished run."""

import logging
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table

from aduni.cli.mistyped.quoting import to_argument
from aduni.data.splits.predefined import INTERNAL
from aduni.metrics.names import OF_PREDICTIONS
from aduni.results.decision.decision_json import read_decision
from aduni.results.decision.in_words import in_words
from aduni.results.find_checkpoint import tested_checkpoint
from aduni.results.metrics_json import is_ordinal
from aduni.results.run_folder import RunFolder
from aduni.system.program import command_text

log = logging.getLogger(__name__)

MAX_CLASSES, LOWEST_CLASSES = 60, 20
"""The table of more classes is cut to those of lowest F1; metrics.json and the card have all."""


def is_unicode() -> bool:
    """Tell whether the screen can show more characters than ASCII."""
    return _encoding("").lower().startswith("utf")


def print_text(text: str) -> None:
    """Print a text; characters that the screen cannot show become question marks."""
    encoding = _encoding("utf-8")
    print(text.encode(encoding, "replace").decode(encoding), end="", flush=True)


def _encoding(unknown: str) -> str:
    """Return the screen's encoding; there may be no screen, as in redirect_stdout(None)."""
    return getattr(sys.stdout, "encoding", None) or unknown


def print_and_log(heading: str, *parts: RenderableType) -> None:
    """Print texts and tables, and log them without colours.

    Args:
        heading: line above the parts in the log.
        parts: texts and tables from top to bottom; texts are not wrapped, so that they can be
            copied.
    """
    print_tables(*parts)
    text = StringIO()
    _print(Console(file=text, width=Console().width, markup=False, highlight=False), parts)
    log.info("%s\n%s", heading, text.getvalue())


def print_tables(*parts: RenderableType) -> None:
    """Print texts and tables from top to bottom."""
    screen = Console(markup=False, emoji=False, highlight=False)
    with screen.capture() as capture:
        _print(screen, parts)
    print_text(capture.get())


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))


def print_summary(
    metrics: dict[str, Any],
    folder: RunFolder,
    trust: Sequence[str] = (),
    *,
    in_sweep: bool = False,
    decision: Path | None = None,
) -> None:
    """Print tables of a run's metrics, its files, and commands that use them.

    Args:
        metrics: content of metrics.json; nothing is printed if it is empty.
        folder: folder of the run.
        trust: modules that the commands must be told to trust.
        in_sweep: whether the run belongs to a multirun, whose end says what comes next.
        decision: decision.json, if it was written now.
    """
    if not metrics:
        return
    parts: list[RenderableType] = [_metrics_table(metrics), _class_table(metrics)]
    if metrics["caveat"]:
        parts.append(f"Caveat: {metrics['caveat']}.")
    ckpt = tested_checkpoint(metrics, folder)
    files = (
        *(ckpt, folder.predictions, folder.metrics, folder.card),
        *(folder.curves, folder.confusion, folder.batch_picture, folder.page),
    )
    parts += filter(None, [_never_predicted(metrics["test"]), *_early_ends(metrics)])
    parts += [_selection(metrics), f"Results: {folder.path}"]
    parts += [f"  {file.relative_to(folder.path)}" for file in files if file.exists()]
    if decision:
        words = in_words(read_decision(decision))
        parts += [f"Decision: {decision}", *(f"  {each}" for each in words)]
        ckpt = Path(metrics["checkpoint"])  # of the run, whose evaluation this is
    parts += _next(folder, None if in_sweep else ckpt, trust, decision, INTERNAL in metrics)
    print_and_log("finished", *parts)


def _next(
    folder: RunFolder,
    ckpt: Path | None,
    trust: Sequence[str],
    decision: Path | None,
    is_other_source: bool,
) -> list[str]:
    """Return lines with the commands that use a run's results; none without a checkpoint."""
    if is_other_source:
        runs = to_argument("runs", str(folder.path.parent))
        return ["Next:", f"  {command_text('report')} {runs}"]
    if ckpt is None or not ckpt.exists():
        return []
    argument = to_argument("ckpt", str(ckpt))
    if trust:
        argument += " " + to_argument("trust", f"[{','.join(trust)}]")
    decided = f" {to_argument('decision', str(decision))}" if decision else ""
    return [
        "Next:",
        f"  {command_text('predict')} {argument} images=DIR{decided} output=predictions.csv",
        f"  {command_text('explain')} {argument} images=DIR",
    ]


def _metrics_table(metrics: dict[str, Any]) -> Table:
    title = " ".join(str(metrics[key]) for key in ("dataset", "method", "sampler", "protocol"))
    table = Table("", title=f"{title}, fold {metrics['fold']}, seed {metrics['seed']}")
    intervals = metrics.get("test_intervals")  # evaluate.py and earlier versions have none
    table.add_column("test", justify="right")
    if intervals:
        table.add_column("95 % interval", justify="right")
    if INTERNAL in metrics:
        table.add_column("internal test", justify="right")
    if metrics["validation"]:
        table.add_column("validation", justify="right")
    for key, metric in OF_PREDICTIONS.items():
        if metric.in_summary and (not metric.ordinal or is_ordinal(metrics)):
            cells = [metric.title, _number(metrics["test"][key])]
            if intervals:
                cells.append(" to ".join(map(_number, intervals.get(key, [None]))))
            if INTERNAL in metrics:
                cells.append(_number(metrics[INTERNAL][key]))
            if metrics["validation"]:
                cells.append(_number(metrics["validation"][key]))
            table.add_row(*cells)
    return table


def _class_table(metrics: dict[str, Any]) -> Table:
    test = metrics["test"]
    classes, f1 = list(test["support"]), test["per_class_f1"]
    title = "test part by class"
    if len(classes) > MAX_CLASSES:
        title += f": the {LOWEST_CLASSES} of {len(classes)} with the lowest F1"
        classes = sorted(f1, key=f1.__getitem__)[:LOWEST_CLASSES]
    table = Table("class", title=title)
    for column in ("trained on", "tested on", "F1", "recall"):
        table.add_column(column, justify="right")
    for name in classes:
        counts = str(metrics["training_counts"][name]), str(test["support"][name])
        found = (f1[name], test["per_class_recall"][name])
        table.add_row(
            name, *counts, *(_number(x if test["support"][name] else None) for x in found)
        )
    return table


def _never_predicted(test: dict[str, Any]) -> str:
    """Return a sentence with the classes that no test image was assigned to, empty if none."""
    counts = np.array(test["confusion_matrix"]).sum(axis=0)
    names = [name for name, count in zip(test["support"], counts, strict=True) if count == 0]
    if not names:
        return ""
    others = f" and {len(names) - LOWEST_CLASSES} more" if len(names) > LOWEST_CLASSES else ""
    return f"Never predicted on the test part: {', '.join(names[:LOWEST_CLASSES])}{others}."


def _early_ends(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each stage that ended before its last epoch."""
    for stage in metrics.get("stages", ()):
        if "ended_by" in stage:
            planned, reason = stage["epochs"], stage["ended_by"]
            yield f"{reason} ended {stage['name']} after epoch {stage['trained']} of {planned}."


def _selection(metrics: dict[str, Any]) -> str:
    if "learner" in metrics.get("found", {}):
        return f"Selected {metrics['found']['learner']} on the {metrics['selected_on']} part."
    if metrics["selected_epoch"] is None:
        return f"Epoch {metrics['epoch'] + 1}, which nothing selected: {metrics['checkpoint']}"
    return f"Selected epoch {metrics['selected_epoch'] + 1} on the {metrics['selected_on']} part."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
