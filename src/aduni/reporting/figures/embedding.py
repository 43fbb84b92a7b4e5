"""Figure: t-SNE of training features, and how separable they are (figure 4 of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aduni.reporting.figures import style
from aduni.reporting.figures.figure import ReportFigure, Rows
from aduni.reporting.statistics.classes import class_order
from aduni.reporting.statistics.separability import (
    POINTS,
    SEED,
    Separability,
    has_spread,
    normalised,
    separability,
    stratified_sample,
)
from aduni.results.finished_runs import Run

EMBEDDED = ("CICL", "PaCo", "AdUni")
"""Rows of the paper's figure 4."""
COMPONENTS = 50
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Embedding:
    """(n,) classes and (n, 2) coordinates of some training images of a run."""

    labels: NDArray[np.int64]
    coordinates: NDArray[np.float64]
    separability: Separability


def embed(labels: NDArray[np.int64], features: NDArray[np.floating]) -> Embedding:
    """Embed at most POINTS images of (N,) classes and (N, D) features."""
    chosen = stratified_sample(labels, POINTS, SEED)
    measured = separability(labels, features, chosen)
    return Embedding(labels[chosen], tsne(features[chosen]), measured)


def tsne(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n, 2) t-SNE coordinates of (n, D) features, from their principal components.

    Source: van der Maaten and Hinton 2008; always the same for the same features.
    """
    from sklearn.decomposition import PCA  # takes a second, and few reports have features
    from sklearn.manifold import TSNE

    unit = normalised(features)
    parts = min(COMPONENTS, *unit.shape)
    reduced = PCA(parts, random_state=SEED).fit_transform(unit)
    if parts < 2:  # of a single feature
        reduced = np.pad(reduced, ((0, 0), (0, 1)))
    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    model = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1)
    return np.asarray(model.fit_transform(reduced), dtype=np.float64)


@style.styled
def draw_embedding(
    panels: dict[str, Embedding], class_names: list[str], order: Sequence[str], dataset: str
) -> Figure:
    """Draw up to three embeddings beside each other; the first class in `order` is drawn first."""
    figure = style.new_figure(style.PAGE, 3.05)
    spots = figure.subplots(1, len(panels), squeeze=False)[0]
    ranks = [class_names.index(name) for name in order]
    for axes, (label, shown) in zip(spots, panels.items(), strict=True):
        _draw_points(axes, shown, ranks)
        axes.set_title(label)
        axes.set_xlabel(_summary(shown.separability), fontsize=style.SMALL)
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, label=name)
        for name, (colour, marker) in zip(order, _class_looks(len(order)), strict=True)
    ]
    if len(order) <= style.MAX_NAMED:
        figure.legend(handles=handles, loc="outside lower center", ncols=7, handletextpad=0.1)
    figure.suptitle(f"{dataset}: t-SNE of training features")
    return figure


def _class_looks(classes: int) -> list[tuple[str, str]]:
    return [
        (style.PALETTE[c % len(style.PALETTE)], style.MARKERS[c % len(style.MARKERS)])
        for c in range(classes)
    ]


def _draw_points(axes: Axes, shown: Embedding, ranks: Sequence[int]) -> None:
    for place, (number, look) in enumerate(zip(ranks, _class_looks(len(ranks)), strict=True)):
        points = shown.coordinates[shown.labels == number]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=5 if place == 0 else 9,
            color=look[0],
            marker=look[1],
            edgecolors="white",
            linewidths=0.2,
            zorder=2 + place,
            rasterized=True,  # thousands of points
        )
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines[:].set(visible=True, color="0.7")


def _summary(measured: Separability) -> str:
    silhouette, macro = measured.silhouette, measured.macro_silhouette
    first = "-" if silhouette is None else f"{silhouette:.2f} (macro {macro:.2f})"
    return (
        f"silhouette {first}\n{measured.neighbours}-NN accuracy "
        f"{measured.knn_accuracy:.2f} (macro {measured.macro_knn_accuracy:.2f})"
    )


def _draw(rows: Rows, dataset: str) -> Figure | None:
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


FIGURE = ReportFigure(
    "embedding",
    "Training features",
    "t-SNE of training features of one run each, at most 1500 images. The figures below are "
    "measured in feature space, by cosine: silhouette of the images shown, and leave-one-out "
    "accuracy of the nearest neighbours among all training images; macro is the mean over "
    "classes.",
    _draw,
    position=3,
    paper="4",
)
