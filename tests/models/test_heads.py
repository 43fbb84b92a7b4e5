"""Test the classifier and the projector."""

import pytest
import torch
from torch import nn

from aduni.models.heads import Classifier, Projector


def test_projector_gives_unit_vectors_of_two_layers_with_relu():
    torch.manual_seed(0)
    projector = Projector(6, 5, 4)
    first, second = (module for module in projector if isinstance(module, nn.Linear))
    features = torch.randn(7, 6)
    hidden = (features @ first.weight.T + first.bias).clamp(min=0)
    projected = hidden @ second.weight.T + second.bias

    embeddings = projector(features)

    assert first.weight.shape == (5, 6)
    assert second.weight.shape == (4, 5)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(
        embeddings, projected / projected.square().sum(1, keepdim=True).sqrt()
    )


def test_projector_leaves_its_input_alone():
    features = torch.randn(3, 6)
    before = features.clone()

    Projector(6, 5, 4)(features)

    assert torch.equal(features, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_projector_normalises_in_float32_under_autocast(dtype):
    torch.manual_seed(0)
    projector = Projector(6, 5, 128)
    # Squares of numbers above 255 are too much for float16.
    features = 1e4 * torch.randn(7, 6)

    with torch.autocast("cpu", dtype):
        embeddings = projector(features)

    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(7), rtol=0, atol=1e-6)


def test_projector_keeps_a_zero_vector_and_its_gradient_finite():
    projector = Projector(6, 5, 4)
    nn.init.zeros_(projector[2].weight)
    nn.init.zeros_(projector[2].bias)

    embeddings = projector(torch.randn(2, 6))
    embeddings.sum().backward()

    assert embeddings.tolist() == [[0.0] * 4] * 2
    assert all(parameter.grad.isfinite().all() for parameter in projector.parameters())


def test_classifier_is_a_linear_layer():
    torch.manual_seed(0)
    classifier = Classifier(6, 3, dropout=0.5).eval()
    linear = classifier[1]
    features = torch.randn(4, 6)

    torch.testing.assert_close(classifier(features), features @ linear.weight.T + linear.bias)
    assert linear.weight.shape == (3, 6)


def test_classifier_drops_its_share_of_features_in_training():
    torch.manual_seed(0)
    classifier = Classifier(400, 400, dropout=0.25).train()
    nn.init.eye_(classifier[1].weight)
    nn.init.zeros_(classifier[1].bias)

    kept = classifier(torch.ones(1, 400))

    assert 70 < int((kept == 0).sum()) < 130  # about 100
    torch.testing.assert_close(kept[kept != 0].unique(), torch.tensor([4 / 3]))
