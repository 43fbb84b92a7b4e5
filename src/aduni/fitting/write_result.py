"""Write the result of a fit: page, chosen checkpoints, card, next steps and choice.json."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aduni.fitting.answer import advice, answer
from aduni.fitting.next_steps import Step, next_steps, steps_of
from aduni.fitting.page import render_page
from aduni.fitting.result import Result
from aduni.results.find_checkpoint import FIT_MODEL, FIT_MODELS, FIT_STEPS, tested_checkpoint
from aduni.results.finished_runs import Run
from aduni.system.atomic_files import hard_link, write_json, write_text
from aduni.system.atomic_folder import INDEX

CARD, CHOICE = "MODEL_CARD.md", "choice.json"


class Written(NamedTuple):
    """The page of a result, its list of next steps, and the commands in it."""

    page: Path
    next_steps: Path
    steps: list[Step]


def write_result(result: Result, folder: Path) -> Written:
    """Write what a fit has found into its folder.

    The result of an earlier call is replaced. Without a recommendation there is no checkpoint; the
    commands are then for the one of its training.
    """
    for name in (FIT_MODEL, CARD, FIT_STEPS, INDEX):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / FIT_MODELS, ignore_errors=True)
    runs = result.chosen.runs
    if result.is_recommended:
        checkpoints = _link_models(runs, folder)
    else:
        checkpoints = [tested_checkpoint(run.metrics, run.folder) for run in runs]
    steps = list(steps_of(checkpoints, [run.folder.path for run in runs]))
    title = f"{result.plan.data['title']}, preset {result.preset}"
    write_text(
        next_steps(title, [*answer(result), *filter(None, [advice(result)])], steps),
        folder / FIT_STEPS,
    )
    write_json(_choice(result), folder / CHOICE)
    write_text(render_page(result, title, steps, folder), folder / INDEX)
    return Written(folder / INDEX, folder / FIT_STEPS, steps)


def _link_models(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Link the tested checkpoint and the card of each run into the folder; return the former."""
    links, cards = [folder / FIT_MODEL], [folder / CARD]
    if len(runs) > 1:
        models = folder / FIT_MODELS
        models.mkdir()
        names = [f"fold{run.fold}_seed{run.seed}" for run in runs]
        links, cards = ([models / f"{n}{end}" for n in names] for end in (".ckpt", ".md"))
    for run, link, card in zip(runs, links, cards, strict=True):
        hard_link(tested_checkpoint(run.metrics, run.folder), link)
        hard_link(run.folder.card, card)
    return links


def _choice(result: Result) -> dict[str, Any]:
    """Return the scores on validation parts and the choice, for other programs."""
    return {
        "target": result.settings.target,
        "chosen": result.chosen.label if result.is_recommended else None,
        "validation": {
            each.label: [float(score) for score in each.scores] for each in result.models
        },
        "floors": {each.label: [float(score) for score in each.scores] for each in result.floors},
        "unfinished": result.unfinished,
    }
