"""Write the curves, the confusion matrix and the page of a finished run."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from aduni.errors import warn
from aduni.reporting.figures.confusion import draw_confusion, pooled_confusion
from aduni.reporting.figures.curves import draw_curves, mean_history
from aduni.reporting.figures.style import svg_of
from aduni.reporting.page.html import PageFigure, page_environment
from aduni.reporting.statistics.classes import class_order
from aduni.reporting.tables.own_settings import TITLES
from aduni.reporting.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.results.history_csv import read_history
from aduni.results.model_card.front_matter import without_front_matter
from aduni.results.predictions_csv import read_predictions
from aduni.results.run_files import read_config
from aduni.results.run_folder import RunFolder
from aduni.results.validation import read_split
from aduni.system.atomic_files import replace_text

TEMPLATE = "page.html.j2"
CAPTIONS = {
    "curves": "Training loss, alpha if there is one, and macro F1 of the part that selects the "
    "epoch. Stages follow one another, with a gap between them.",
    "confusion": "Test images by true and predicted class; colours are shares of the true class.",
}

log = logging.getLogger(__name__)


def write_run_page(folder: RunFolder, metrics: dict[str, Any]) -> None:
    """Write curves.svg, confusion.svg and index.html; a failure is a warning.

    The run is over by then: metrics.json exists.
    """
    try:
        run = _read(folder, metrics)
        for name, svg in _drawings(run):
            replace_text(svg, folder.path / f"{name}.svg")
        replace_text(_page(run), folder.page)
    except Exception as error:
        warn(log, f"{folder.page} could not be made: {error}")


def _read(folder: RunFolder, metrics: dict[str, Any]) -> Run:
    """Read the folder of a run that this process has just checked by computing its metrics."""
    predictions = read_predictions(folder.predictions, list(metrics["training_counts"]))
    config, split = read_config(folder), read_split(folder.split)
    return Run(folder, config, metrics, predictions, split, read_history(folder.history))


def _drawings(run: Run) -> Iterator[tuple[str, str]]:
    method = str(run.config["names"]["method"])
    label, dataset = TITLES.get(method, method), title_of(run.dataset)
    history = mean_history([run])
    if len(history):
        yield "curves", svg_of(draw_curves({label: history}, dataset), "curves")
    order = class_order({label: [run]})
    matrices = {label: pooled_confusion([run], order)}
    yield "confusion", svg_of(draw_confusion(matrices, order, dataset), "confusion")


def _page(run: Run) -> str:
    folder, metrics = run.folder, run.metrics
    figures = [
        PageFigure(name.capitalize(), caption, folder.path / f"{name}.svg")
        for name, caption in CAPTIONS.items()
        if (folder.path / f"{name}.svg").is_file()
    ]
    files = [
        *(folder.card, folder.metrics, folder.predictions, folder.history, folder.split),
        *(folder.config, folder.decision, folder.log),
    ]
    # The card's names are escaped, and HTML in it is text.
    render = MarkdownIt("commonmark", {"html": False}).enable("table").render
    answer, _, sections = _card(folder.card).partition("\n## ")
    title = f"{metrics['method']} on {metrics['dataset']}, fold {run.fold}, seed {run.seed}"
    template = page_environment(Path(__file__).parent).get_template(TEMPLATE)
    return template.render(
        title=title,
        figures=figures,
        batch=_data_uri(folder.batch_picture),
        files=[(file.name, file.name) for file in files if file.is_file()],
        answer=render(answer),
        card=render(f"## {sections}"),
    )


def _card(file: Path) -> str:
    """Return the card without front matter and its title, which the page has already."""
    return without_front_matter(file.read_text(encoding="utf-8")).partition("\n")[2]


def _data_uri(file: Path) -> str:
    if not file.is_file():
        return ""
    return f"data:image/png;base64,{b64encode(file.read_bytes()).decode('ascii')}"
