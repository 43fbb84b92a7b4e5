"""Find rules about files or borders that give a class away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.model_selection import GroupShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.data.shortcuts.features import Kind, shortcut_features

MAX_CONDITIONS = 3
"""Conditions of a rule: more could not be read."""
MIN_IMAGES = 20
"""Images, and one in a hundred, that a rule must hold for."""
MAX_P = 1e-3
"""Chance, over all rules, of reporting one where the numbers tell nothing."""
MIN_ODDS_RATIO = 4.0
"""Odds of the class among a rule's images over its odds among all, from which it is reported."""


@dataclass(frozen=True)
class Shortcut:
    """A rule that tells a class: of `images` that it holds for, `hits` are of the class."""

    rule: str
    images: int
    class_name: str
    hits: int
    share: float
    """Share of the class among all images."""

    def __str__(self) -> str:
        return (
            f"{self.hits} of {self.images} images with {self.rule} are {self.class_name} "
            f"({self.share:.0%} of all images are)"
        )


def find_shortcuts(data: ImageData) -> list[Shortcut]:
    """Return rules about border and file, the most images of a class above expectation first."""
    kinds: tuple[Kind, ...] = ("border", "file") if data.table.files else ("border",)
    names, labels = data.table.class_names, data.table.labels
    found = [
        shortcut
        for kind in kinds
        for shortcut in rules(shortcut_features(data, kind), labels, data.groups, names)
    ]
    return sorted(found, key=lambda each: each.images * each.share - each.hits)


def rules(
    features: pd.DataFrame, labels: Ints, groups: Ints, class_names: list[str]
) -> Iterator[Shortcut]:
    """Yield the rules of a small tree that tell a class far above chance.

    A tree is fitted on half of the groups; at each node that half names the class of the highest
    odds ratio, and of the other half, an image a group, the binomial test decides. Below a node
    that is reported no further one is.

    Args:
        features: (n, F) numbers about each image.
        labels: (n,) class numbers.
        groups: (n,) group numbers.
        class_names: C names.
    """
    if len(np.unique(groups)) < 2 * MIN_IMAGES:
        return
    halves = GroupShuffleSplit(1, test_size=0.5, random_state=0).split(features, groups=groups)
    fitted, others = next(halves)
    tested = others[np.unique(groups[others], return_index=True)[1]]
    least = max(MIN_IMAGES, len(fitted) // 100)
    tree = DecisionTreeClassifier(
        max_depth=MAX_CONDITIONS, min_samples_leaf=least, class_weight="balanced", random_state=0
    ).fit(features.iloc[fitted].to_numpy(), labels[fitted])
    paths = tree.decision_path(features.to_numpy()).toarray().astype(bool)
    reported: set[int] = set()
    for node in range(1, paths.shape[1]):  # depth first: a node comes before those below it
        inside = paths[:, node]
        if reported & {*np.flatnonzero(paths[inside].all(axis=0)).tolist()}:
            continue
        of_node, of_all = (
            np.bincount(labels[rows], minlength=len(class_names)) / len(rows)
            for rows in (fitted[inside[fitted]], fitted)
        )
        number = int(np.argmax(_odds(of_node) / _odds(of_all)))
        drawn, share = labels[tested[inside[tested]]] == number, (labels[tested] == number).mean()
        if not len(drawn) or not 0 < share < 1:
            continue
        p = binom.sf(drawn.sum() - 1, len(drawn), share) * (paths.shape[1] - 1)
        if p < MAX_P and _odds(drawn.mean()) >= MIN_ODDS_RATIO * _odds(share):
            everywhere = labels == number
            counts = int(inside.sum()), class_names[number], int((everywhere & inside).sum())
            rule = _path(tree, node, list(features.columns))
            reported.add(node)
            yield Shortcut(rule, *counts, float(everywhere.mean()))


def _odds(share: Any) -> Any:
    return (share + 1e-9) / (1 - share + 1e-9)


def _path(tree: DecisionTreeClassifier, node: int, names: list[str]) -> str:
    """Return the conditions from the root to a node, one range for each feature."""
    nodes, ranges = tree.tree_, dict[str, list[float]]()
    while node:
        (parent,) = np.flatnonzero((nodes.children_left == node) | (nodes.children_right == node))
        low, high = ranges.setdefault(names[nodes.feature[parent]], [-np.inf, np.inf])
        if nodes.children_left[parent] == node:
            ranges[names[nodes.feature[parent]]] = [low, min(high, nodes.threshold[parent])]
        else:
            ranges[names[nodes.feature[parent]]] = [max(low, nodes.threshold[parent]), high]
        node = int(parent)
    return " and ".join(_range(name, *ends) for name, ends in reversed(ranges.items()))


def _range(name: str, low: float, high: float) -> str:
    if np.isinf(low):
        return f"{name} up to {high:.3g}"
    return f"{name} above {low:.3g}" + ("" if np.isinf(high) else f" up to {high:.3g}")
