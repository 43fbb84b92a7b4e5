"""Data sets of batches whose views are a frozen encoder's cached features."""

import numpy as np
import torch
from torch.utils.data import Dataset

from aduni.batch import Batch
from aduni.data.cache.feature_cache import FeatureCache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Ints


class FeatureTrainingDataset(Dataset[Batch]):
    """Data set of batches with the features of V views of each sampled image, from cached draws.

    View v of an image in epoch e is draw (e + v) modulo the number of draws, where an image that
    repeats in an epoch continues its count of views. Without draws, all views are the unaugmented
    image.
    """

    def __init__(self, cache: FeatureCache, labels: Ints, *, views: int) -> None:
        self._cache, self._labels, self.views = cache, labels, views

    def __getitems__(self, indices: list[SampleIndex]) -> Batch:
        """Return a whole batch: views (V, B, D) float32."""
        features = self._cache.features
        rows = [index.row for index in indices]
        first = np.array([index.epoch + index.repeat * self.views for index in indices])
        numbers = first + np.arange(self.views)[:, None]
        draws = len(features) - 1
        chosen = 1 + numbers % draws if draws else np.zeros_like(numbers)
        return _make_batch(features[chosen, rows], self._labels, rows, indices[0].total)


class FeatureEvaluationDataset(Dataset[Batch]):
    """Data set of batches of the features of unaugmented images, V = 1, for evaluation."""

    def __init__(self, cache: FeatureCache, labels: Ints) -> None:
        self._cache, self._labels = cache, labels

    def __getitems__(self, rows: list[int]) -> Batch:
        return _make_batch(self._cache.features[:1, rows], self._labels, rows)


def _make_batch(
    features: np.ndarray, labels: Ints, rows: list[int], total: int | None = None
) -> Batch:
    return Batch(
        views=torch.from_numpy(np.asarray(features)),
        labels=torch.from_numpy(labels[rows]),
        indices=torch.tensor(rows),
        total=total,
    )
