"""Batches of cached features: which draw is which view, by a loop."""

import numpy as np
import pytest
import torch

from aduni.data.cache.feature_cache import build_feature_cache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.feature_datasets import FeatureEvaluationDataset, FeatureTrainingDataset

LABELS = np.array([0, 1, 2, 1])


def is_current(array):
    return True


@pytest.fixture
def cache(tmp_path):
    """Features (1 + 3, 4, 2): draw, row."""

    def fill(array):
        for draw in range(4):
            for row in range(4):
                array[draw, row] = draw, row

    return build_feature_cache(tmp_path / "features", (4, 4, 2), fill, is_current)


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("epoch", [0, 2, 7])
def test_view_v_in_epoch_e_is_draw_e_plus_v(cache, views, epoch):
    indices = [
        SampleIndex(3, epoch, 0, 8),
        SampleIndex(1, epoch, 0, 8),
        SampleIndex(3, epoch, 1, 8),
    ]
    batch = FeatureTrainingDataset(cache, LABELS, views=views).__getitems__(indices)

    assert batch.views.shape == (views, 3, 2)
    assert batch.views.dtype == torch.float32
    for view in range(views):
        for position, index in enumerate(indices):
            number = index.repeat * views + view
            draw = 1 + (epoch + number) % 3  # 0 is the unaugmented image
            assert batch.views[view, position].tolist() == [draw, index.row]
    assert batch.labels.tolist() == [1, 1, 1]
    assert batch.indices.tolist() == [3, 1, 3]
    assert batch.total == 8


def test_evaluation_takes_the_unaugmented_images(cache):
    batch = FeatureEvaluationDataset(cache, LABELS).__getitems__([2, 0])
    assert batch.views.tolist() == [[[0, 2], [0, 0]]]
    assert batch.labels.tolist() == [2, 0]


def test_without_draws_all_views_are_the_unaugmented_image(tmp_path):
    cache = build_feature_cache(
        tmp_path / "plain", (1, 4, 2), lambda array: array.fill(7), is_current
    )
    indices = [SampleIndex(3, 5, 0, 2), SampleIndex(1, 5, 1, 2)]
    batch = FeatureTrainingDataset(cache, LABELS, views=2).__getitems__(indices)
    assert batch.views.tolist() == [[[7, 7], [7, 7]]] * 2
