"""Neighbours agree with scipy's distances."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from aduni.inference.explain.query_cards import nearest, training_reference, unit_features
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo
from aduni.methods.softmax import Softmax
from aduni.models.encoder import Encoder

CPU = torch.device("cpu")


@pytest.fixture
def data(make_data):
    return make_data("digits")


@pytest.fixture
def method():
    torch.manual_seed(0)
    encoder = Encoder("shufflenet_v2_x0_5", image_size=16, mean=[0.5] * 3, std=[0.2] * 3)
    task = DataInfo(torch.ones(10), torch.full((1, 10), 0.1), 1)
    method = Softmax(encoder, task, loss=cross_entropy)
    with torch.no_grad():  # statistics of its own, or all images would look alike
        for _ in range(20):
            method(torch.randint(0, 256, (16, 3, 16, 16), dtype=torch.uint8))
    return method.eval()


@pytest.fixture
def reference(method, data):
    return training_reference(method, data, CPU)


def pixels(data, row: int) -> np.ndarray:
    return np.ascontiguousarray(data.cache.pixels[row].transpose(2, 0, 1))


def test_the_reference_is_every_training_image_as_it_is(method, data, reference):
    assert sorted(reference.rows) == sorted(data.rows("train"))
    with torch.inference_mode():
        for position in (0, 17, len(reference.rows) - 1):
            image = torch.from_numpy(pixels(data, reference.rows[position]))[None]
            features = method.encoder(image)[0].numpy()
            unit = features / np.sqrt((features**2).sum())
            np.testing.assert_allclose(reference.features[position], unit, atol=1e-6)


def test_the_nearest_are_those_of_scipy(method, data, reference):
    rows = data.rows("test")[:20]
    images = torch.from_numpy(np.stack([pixels(data, row) for row in rows]))
    with torch.inference_mode():
        plain = method.encoder(images).double().numpy()
        training = torch.from_numpy(np.stack([pixels(data, r) for r in data.rows("train")]))
        distances = cdist(plain, method.encoder(training).double().numpy(), "cosine")
    for n, query in enumerate(unit_features(method, images)):
        found = nearest(query, images[n].numpy(), reference, data, 7)
        order = np.sort(distances[n])[:7]
        np.testing.assert_allclose([item.distance for item in found], order, atol=1e-5)
        own = dict(zip(data.rows("train").tolist(), distances[n], strict=True))
        for item in found:
            assert item.distance == pytest.approx(own[item.row], abs=1e-5)
        assert not any(item.same for item in found)


def test_a_training_image_is_told_from_its_neighbours(method, data, reference):
    row = int(data.rows("train")[3])
    own = pixels(data, row)
    query = unit_features(method, torch.from_numpy(own)[None])[0]
    found = nearest(query, own, reference, data, 4)
    assert [item.same for item in found] == [True, False, False, False, False]
    assert (found[0].row, found[0].distance) == (row, pytest.approx(0, abs=1e-6))
    assert all(item.row != row for item in found[1:])


def test_no_more_are_found_than_there_are(method, data, reference):
    row = int(data.rows("test")[0])
    query = unit_features(method, torch.from_numpy(pixels(data, row))[None])[0]
    found = nearest(query, pixels(data, row), reference, data, 10**6)
    assert len(found) == len(reference.rows)
    distances = [item.distance for item in found]
    assert distances == sorted(distances)
    assert min(distances) >= 0
