"""Macro F1."""

from aduni.metrics.metric import Metric
from aduni.metrics.samples import Counts, Floats, class_f1


def macro_f1(counts: Counts) -> Floats:
    """Return (S,) means of F1 over all C classes; one neither present nor predicted counts 0."""
    mean: Floats = class_f1(counts).mean(axis=1)
    return mean


METRIC = Metric(
    "macro_f1",
    "Macro F1",
    lambda samples: macro_f1(samples.counts),
    position=2,
    meaning="mean F1 of the classes; one without images counts 0",
)
