"""Recall of a class: sensitivity."""

from aduni.metrics.metric import ClassMetric
from aduni.metrics.samples import class_recall

METRIC = ClassMetric("recall", "Recall", lambda samples: class_recall(samples.counts), position=2)
