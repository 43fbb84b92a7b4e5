"""Render the page of a fit, which opens with the answer."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from aduni.fitting.answer import advice, answer, reasons
from aduni.fitting.decision import Candidate, compare, is_as_good
from aduni.fitting.duration import format_duration
from aduni.fitting.next_steps import Step
from aduni.fitting.result import Result, Tested, tested
from aduni.metrics.names import OF_PREDICTIONS
from aduni.reporting.figures.confusion import draw_confusion, pooled_confusion
from aduni.reporting.figures.style import svg_of
from aduni.reporting.page.html import PageFigure, page_environment
from aduni.reporting.statistics.classes import class_order
from aduni.results.model_card.limits import limits_of, limits_of_use
from aduni.results.model_card.run_data import read_content

TEMPLATE = "page.html.j2"

Cell = tuple[str, str]
"""Text of a cell, and a smaller one below it."""


class Tried(NamedTuple):
    """A line of the table of what was tried; `link` leads to the page of its first run."""

    label: str
    score: str
    behind: str
    verdict: str
    time: str
    link: str = ""
    is_chosen: bool = False


def render_page(result: Result, title: str, steps: Sequence[Step], folder: Path) -> str:
    """Return the page, whose links are relative to the folder of the result."""
    template = page_environment(Path(__file__).parent).get_template(TEMPLATE)
    markdown = MarkdownIt("commonmark", {"html": False})  # names in it are escaped
    files = ("MODEL_CARD.md", "NEXT_STEPS.md", "plan.yaml", "choice.json", "audit/index.html")
    return template.render(
        title=title,
        answer=list(answer(result)),
        is_recommended=result.is_recommended,
        target=result.settings.metric.title,
        tested=result.tested,
        figures=_figures(result),
        metrics=list(_metrics(result)),
        floor=result.best_floor.label,
        classes=list(_classes(result.tested)),
        tried=list(_tried(result, folder)),
        reasons=list(reasons(result)),
        plan=result.plan,
        counts=[[(name, ""), (str(n), "")] for name, n in result.plan.data["classes"].items()],
        limits=[markdown.renderInline(limit) for limit in _limits(result)],
        steps=steps,
        advice=advice(result),
        models=result.plan.models,
        files=[(name, name) for name in files if (folder / name).is_file()],
    )


def _figures(result: Result) -> list[PageFigure]:
    chosen = result.chosen
    order = class_order({chosen.label: list(chosen.runs)})
    matrices = {chosen.label: pooled_confusion(chosen.runs, order)}
    svg = svg_of(draw_confusion(matrices, order, result.plan.data["title"]), "confusion")
    caption = "Test images by true and predicted class; colours are shares of the true class."
    return [PageFigure("Confusion", caption, svg)]


def _metrics(result: Result) -> Iterator[list[Cell]]:
    """Yield each metric of the test part: of the chosen model, then of the best floor."""
    parts = [result.tested, tested(result.best_floor.runs)]
    for key, metric in OF_PREDICTIONS.items():
        if key in result.tested.intervals.metrics:
            cells = [_number(part.metrics[key], part.intervals.metrics[key]) for part in parts]
            yield [(metric.title, ""), *cells]


def _classes(test: Tested) -> Iterator[list[Cell]]:
    """Yield name, test images, F1 and recall of each class."""
    for number, (name, support) in enumerate(test.metrics["support"].items()):
        f1 = _number(test.metrics["per_class_f1"][name], test.intervals.f1[number])
        recall = _number(test.metrics["per_class_recall"][name], test.intervals.recall[number])
        yield [(name, ""), (str(support), ""), f1, recall]


def _number(value: float | None, ends: Sequence[float]) -> Cell:
    """Return a value, and the ends of its interval; a dash where it is undefined."""
    if value is None:
        return "-", ""
    return f"{value:.3f}", "" if math.isnan(ends[0]) else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _tried(result: Result, folder: Path) -> Iterator[Tried]:
    """Yield the floors, then the models from simple to complex, then what was not finished."""
    best = result.best
    for candidate in (*result.floors, *result.models):
        found = compare(candidate, best)
        is_floor = candidate in result.floors
        as_good = is_as_good(candidate, best)
        verdict = "floor" if is_floor else "as good as the best" if as_good else "behind"
        if as_good and not is_floor and candidate.image_size > best.image_size:
            verdict += ", dearer to use"
        if candidate is best:
            verdict = "best"
        if candidate is result.chosen:
            verdict += ", chosen" if result.is_recommended else ", not above the floors"
        yield Tried(
            candidate.label,
            f"{candidate.score:.3f}",
            "" if candidate is best else f"{found.difference:+.3f} ± {found.standard_error:.3f}",
            verdict,
            format_duration(_train_seconds(candidate)),
            _page_of(candidate, folder),
            candidate is result.chosen and result.is_recommended,
        )
    for label, reason in result.unfinished.items():
        yield Tried(label, "", "", f"not finished: {reason}", "")


def _train_seconds(candidate: Candidate) -> float:
    return sum(run.metrics.get("train_seconds") or 0.0 for run in candidate.runs)


def _page_of(candidate: Candidate, folder: Path) -> str:
    page = candidate.runs[0].folder.page
    return page.relative_to(folder).as_posix() if page.is_file() else ""


def _limits(result: Result) -> list[str]:
    run = result.chosen.runs[0]
    content = read_content(run.metrics, run.folder)
    return limits_of(content) if len(result.chosen.runs) == 1 else limits_of_use(content)
