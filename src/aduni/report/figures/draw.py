"""All figures of a data set for which there are data."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from aduni.report.figures.class_distribution import draw_class_distribution
from aduni.report.figures.confusion import draw_confusion, pooled_confusion
from aduni.report.figures.curves import draw_curves, mean_history
from aduni.report.figures.embedding import Embedding, draw_embedding, embed, has_spread
from aduni.report.figures.f1_by_class import draw_f1_by_class, f1_table
from aduni.report.figures.loss_by_class import draw_loss_by_class, losses_by_class
from aduni.report.figures.pooled import Rows, class_counts, class_order
from aduni.report.figures.reliability import draw_reliability, reliability
from aduni.report.figures.style import save
from aduni.report.tables.table import title_of
from aduni.results.finished_runs import Run
from aduni.system.fonts import letters_without_glyph

COMPARED = ("CE", "AdUni")
"""Rows of the paper's figure 2."""
EMBEDDED = ("CICL", "PaCo", "AdUni")
"""Rows of the paper's figure 4."""

LONGEST = 100
"""Letters of a data set's name in the names of its figures."""


@dataclass(frozen=True)
class Drawn:
    """A figure on disk.

    Attributes:
        name: of its files.
        title: short.
        caption: a sentence or two.
        png: the picture.
        pdf: its vector version.
    """

    name: str
    title: str
    caption: str
    png: Path
    pdf: Path


def draw(rows: Rows, dataset: str, folder: Path) -> list[Drawn]:
    """Draw and write what can be drawn.

    Args:
        rows: runs of one data set by row; rows without runs are left out.
        dataset: its name, which file names begin with.
        folder: made if need be.
    """
    held = {label: runs for label, runs in rows.items() if runs}
    letters_without_glyph(texts_in(held, dataset))  # looks for the fonts that are needed
    drawn = []
    for kind in KINDS:
        figure = kind.make(held, title_of(dataset)) if held else None
        if figure is not None:
            name = f"{_file_name(dataset)}_{kind.name}"
            png, pdf = save(figure, folder, name)
            drawn.append(Drawn(name, kind.title, kind.caption, png, pdf))
    return drawn


def texts_in(rows: Rows, dataset: str) -> list[str]:
    """What figures write of names: of the data set, rows and classes."""
    classes = {name for runs in rows.values() for run in runs for name in run.class_names}
    return [title_of(dataset), *rows, *classes]


def _file_name(dataset: str) -> str:
    """A part of a file's name: metrics.json may be somebody else's, and say ../../mine."""
    return re.sub(r"[/\\\0]", "_", dataset)[:LONGEST]


class _Kind(NamedTuple):
    """A figure; `make` gives None where the data are missing."""

    name: str
    title: str
    caption: str
    make: Callable[[Rows, str], Figure | None]


def _classes(rows: Rows, dataset: str) -> Figure:
    return draw_class_distribution(class_counts(next(iter(rows.values()))[0]), dataset)


def _losses(rows: Rows, dataset: str) -> Figure | None:
    order = class_order(rows)
    losses = {label: losses_by_class(rows[label], order) for label in COMPARED if label in rows}
    return draw_loss_by_class(losses, dataset) if losses else None


def _embeddings(rows: Rows, dataset: str) -> Figure | None:
    panels = {}
    for label in EMBEDDED:
        embedding = _first_embedding(rows.get(label, ()))
        if embedding is not None:
            panels[label] = embedding
    names = next(iter(rows.values()))[0].class_names
    return draw_embedding(panels, names, class_order(rows), dataset) if panels else None


def _first_embedding(runs: Sequence[Run]) -> Embedding | None:
    for run in runs:
        kept = run.features
        if kept is not None and has_spread(kept["labels"], kept["features"]):
            return embed(kept["labels"], kept["features"])
    return None


def _f1(rows: Rows, dataset: str) -> Figure:
    order = class_order(rows)
    return draw_f1_by_class(f1_table(rows, order), list(rows), order, dataset)


def _curves(rows: Rows, dataset: str) -> Figure | None:
    histories = {label: mean_history(runs) for label, runs in rows.items()}
    trained = {label: history for label, history in histories.items() if len(history)}
    return draw_curves(trained, dataset) if trained else None


def _reliability(rows: Rows, dataset: str) -> Figure:
    return draw_reliability({label: reliability(runs) for label, runs in rows.items()}, dataset)


def _confusion(rows: Rows, dataset: str) -> Figure:
    order = class_order(rows)
    matrices = {label: pooled_confusion(runs, order) for label, runs in rows.items()}
    return draw_confusion(matrices, order, dataset)


KINDS = (
    _Kind(
        "class_distribution",
        "Images of each class",
        "Training, validation and test parts together. The paper's figure 1.",
        _classes,
    ),
    _Kind(
        "loss_by_class",
        "Loss by class",
        "Loss of the test images by true class, folds pooled, the largest class on top: mean "
        "(marker), middle half (thick line) and middle 90 % (thin line). The paper's figure 2.",
        _losses,
    ),
    _Kind(
        "embedding",
        "Training features",
        "t-SNE of training features of one run each, at most 1500 images. The figures below are "
        "measured in feature space, by cosine: silhouette of the images shown, and leave-one-out "
        "accuracy of the nearest neighbours among all training images; macro is the mean over "
        "classes. The paper's figure 4.",
        _embeddings,
    ),
    _Kind(
        "f1_by_class",
        "F1 of each class",
        "F1 of each class in the test part, mean over folds. The paper's figure 5.",
        _f1,
    ),
    _Kind(
        "curves",
        "Training",
        "Mean over folds. Stages follow one another, with a gap between them; the epochs of a "
        "first stage that another run trained are left empty. Losses of different methods are "
        "different quantities: compare their course, not their height.",
        _curves,
    ),
    _Kind(
        "reliability",
        "Reliability",
        "Accuracy over confidence in 15 bins, test parts of all folds pooled; ECE is the expected "
        "calibration error. Dots below the diagonal are over-confident.",
        _reliability,
    ),
    _Kind(
        "confusion",
        "Confusion",
        "Test images of all folds by true and predicted class; colours are shares of the true "
        "class.",
        _confusion,
    ),
)
