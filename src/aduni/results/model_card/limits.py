"""Sentences on the limits of a model, from its own numbers."""

import numpy as np

from aduni.results.model_card.markdown import escaped
from aduni.results.model_card.run_data import Content

MIN_IMAGES = 20
"""With fewer test images of a class, one image changes its recall by more than 5 points."""

MAX_LISTED = 30
"""Classes that a sentence lists; the table by class has all."""


def limits_of(content: Content) -> list[str]:
    """Return sentences in Markdown."""
    return [*_uncertainty(content), *limits_of_use(content)]


def limits_of_use(content: Content) -> list[str]:
    """Return the sentences in Markdown that are not about the uncertainty of one test part."""
    return [*_selection(content), *_use(content)]


def _uncertainty(content: Content) -> list[str]:
    metrics, ends = content.metrics, content.intervals
    low, high = ends.metrics["macro_f1"]
    lines = [
        f"One training (seed {metrics['seed']}) on one fold ({metrics['fold']} of "
        f"{content.settings['protocol']['folds']}, counted from 0). The intervals are of these "
        "test images alone; other folds and seeds give other figures.",
        f"The interval of the macro F1 is {high - low:.2f} wide.",
    ]
    support = metrics["test"]["support"]
    few = [f"{escaped(name)} ({count})" for name, count in support.items() if count < MIN_IMAGES]
    if few:
        lines.append(
            f"Fewer than {MIN_IMAGES} test images, too few for a reliable estimate: {_list(few)}."
        )
    widths = ends.recall[:, 1] - ends.recall[:, 0]
    if not np.isnan(widths).all():
        widest = int(np.nanargmax(widths))
        name = escaped(content.class_names[widest])
        lines.append(f"The least certain recall is that of {name}: {widths[widest]:.2f} wide.")
    if np.any(widths == 0):
        lines.append(
            "Where all images of a class are right, or all wrong, its interval has no width: a "
            "bootstrap repeats the images that there are. The true uncertainty is not 0."
        )
    missed = [escaped(n) for n, recall in metrics["test"]["per_class_recall"].items() if not recall]
    if missed:
        lines.append(f"Not one test image was recognised of: {_list(missed)}.")
    return lines


def _selection(content: Content) -> list[str]:
    metrics, lines = content.metrics, []
    if metrics["selected_on"] == "test":
        lines.append("The epoch was selected on the test part: the figures are too good.")
    if not content.settings["protocol"]["grouped"]:
        lines.append(
            "Images that belong together may be both in training and in test: the figures may be "
            "too good."
        )
    return lines


def _use(content: Content) -> list[str]:
    metrics, size = content.metrics, content.metrics["image_size"]
    train = np.array(list(metrics["training_counts"].values()))
    largest, smallest = (escaped(content.class_names[i]) for i in (train.argmax(), train.argmin()))
    return [
        f"Images are resized to {size} x {size} pixels without regard to their proportions; "
        "details that are smaller than a pixel afterwards are lost.",
        "Trained and tested on one data set. There was no external validation: other "
        "cameras, hospitals and populations were not tried, nor were groups of patients compared.",
        f"It has learned from {train.max()} images of the most frequent class, {largest}, and from "
        f"{train.min()} of the rarest, {smallest}. Its probabilities suit classes as frequent as "
        "in these data; `class_frequency=` of `aduni predict` corrects them for others.",
        "Every image gets one of these classes, also one that shows none of them.",
    ]


def _list(names: list[str]) -> str:
    rest = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + rest
