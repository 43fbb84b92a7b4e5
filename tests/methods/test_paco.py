"""Compare PaCo's loss with AduC and with a loop; test its momentum copy and its queue."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni import schedules
from aduni.batch import Batch
from aduni.losses.contrastive import Contrasts, aduc
from aduni.methods.aduni import AdUni
from aduni.methods.base import DataInfo
from aduni.methods.paco import PaCo
from aduni.schedules import LossWeights
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([5.0, 2.0, 1.0])
PRIOR = [0.625, 0.25, 0.125]
LABELS = [0, 1, 0, 2, 0]
SIZES = {"hidden": 5, "embedding": 4, "dropout": 0.0}
LEARNING = ("encoder", "projector", "classifier")


def make_method(alpha: Any = schedules.constant, *, kind: Any = PaCo, **options: Any) -> Any:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    info = DataInfo(COUNTS, torch.full((4, 3), 1 / 3), epochs=4)
    return kind(encoder, info, alpha, **(SIZES | options)).double()


def make_batch(seed: int = 1, *, same_views: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    views = torch.randint(0, 256, (2, 5, 3, 2, 2), generator=generator).byte()
    if same_views:
        views[1] = views[0]
    return Batch(views, torch.tensor(LABELS), torch.arange(5))


def make_keys(rows: int, seed: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    return functional.normalize(keys), torch.arange(rows) % 3


def learning(method: nn.Module) -> list[Tensor]:
    return [p for name in LEARNING for p in method.get_submodule(name).parameters()]


def disturb_keys(method: PaCo) -> None:
    """Change the key encoder's weights, so that they differ from the query encoder's."""
    with torch.no_grad():
        for parameter in method.keys.parameters():
            parameter += 0.3 * torch.arange(parameter.numel()).sin().view_as(parameter)


def assert_same_value_and_gradient(method: nn.Module, loss: Tensor, expected: Tensor) -> None:
    gradients = torch.autograd.grad(loss, learning(method))
    expected_gradients = torch.autograd.grad(expected, learning(method))
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=0)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 1.0])
def test_without_queue_and_with_equal_branches_it_is_aduc_of_the_queries(alpha):
    method = make_method(lambda epoch, epochs: LossWeights(alpha))
    batch = make_batch(same_views=True)
    features = method.encoder(batch.views[0])
    queries = method.projector(features)
    # The batch of both views as AdUni has it; the second view's half are keys: no gradient.
    logits = method.classifier(torch.cat([features, features]))
    embeddings = torch.cat([queries, queries.detach()])
    labels = torch.tensor(LABELS * 2)
    contrasts = Contrasts(embeddings, labels, torch.arange(10))
    both = aduc(logits, embeddings, labels, contrasts, alpha=alpha, prior=torch.tensor(PRIOR))

    loss = method.loss(batch, 0)["loss"]

    # AduC's released factor 0.1 / 0.07, which PaCo does not have.
    assert_same_value_and_gradient(method, loss, both[:5].mean() * 0.7)


def test_without_queue_and_with_equal_branches_it_has_the_value_of_aduni():
    # Of two equal views each anchor has the loss of its twin.
    paco, aduni = make_method(), make_method(kind=AdUni)
    aduni.load_state_dict(paco.state_dict(), strict=False)
    batch = make_batch(same_views=True)

    loss = paco.loss(batch, 0)["loss"]

    torch.testing.assert_close(loss, aduni.loss(batch, 0)["loss"] * 0.7, rtol=1e-10, atol=0)


def embed(images: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return features and unit vectors from the weights of an encoder and a projector."""
    features = (images.flatten(1).double() / 255) @ weights[0].T + weights[1]
    hidden = (features @ weights[2].T + weights[3]).clamp(min=0)
    projected = hidden @ weights[4].T + weights[5]
    return features, projected / projected.square().sum(1, keepdim=True).sqrt()


def slow_loss(
    method: PaCo,
    batch: Batch,
    key_weights: list[Tensor],
    queue: tuple[Tensor, Tensor],
    *,
    alpha: float,
    beta: float = 1.0,
    prior: list[float] = PRIOR,
    temperature: float = 0.1,
    class_temperature: float = 1.0,
) -> Tensor:
    """Loop over the queries, each with the classes, other queries, all keys and the queue."""
    weights = [*method.encoder.parameters(), *method.projector.parameters()]
    features, queries = embed(batch.views[0], weights)
    keys = embed(batch.views[1], key_weights)[1]
    linear = method.classifier.linear
    labels = batch.labels.tolist()
    others = [*zip(keys, labels, strict=True), *zip(queue[0], queue[1].tolist(), strict=True)]
    losses = []
    for i, label in enumerate(labels):
        classes = []
        for c in range(3):
            logit = (features[i] * linear.weight[c]).sum() + linear.bias[c] + math.log(prior[c])
            classes.append(torch.exp(logit / class_temperature))
        samples = [(queries[k], labels[k]) for k in range(len(labels)) if k != i] + others
        entries = [torch.exp((queries[i] * other).sum() / temperature) for other, _ in samples]
        total = sum(classes) + sum(entries)
        loss, weight = -beta * torch.log(classes[label] / total), beta
        for entry, (_, other_label) in zip(entries, samples, strict=True):
            if other_label == label:
                loss, weight = loss - alpha * torch.log(entry / total), weight + alpha
        losses.append(loss / weight)
    return torch.stack(losses).mean()


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "without logit adjustment": ({"logit_adjustment": "none"}, {"prior": [1.0, 1.0, 1.0]}),
    "temperature": ({"temperature": 0.3}, {"temperature": 0.3}),
    "class temperature": ({"class_temperature": 0.5}, {"class_temperature": 0.5}),
    "beta": ({"beta": 0.4}, {"beta": 0.2}),  # times the schedule's
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_loss_and_its_gradient_equal_the_loop_with_a_partly_filled_queue(setting):
    options, slow_options = SETTINGS[setting]
    schedule_beta = 0.5 if setting == "beta" else 1.0
    method = make_method(
        lambda epoch, epochs: LossWeights(0.25, schedule_beta),
        queue_size=7,
        momentum=0.75,
        **options,
    )
    disturb_keys(method)
    queue = make_keys(4)
    method.memory.add(*queue)
    source = [*method.encoder.parameters(), *method.projector.parameters()]
    # The keys are made after the step toward the query encoder.
    key_weights = [
        0.75 * key + 0.25 * query.detach()
        for key, query in zip(method.keys.parameters(), source, strict=True)
    ]
    batch = make_batch()
    expected = slow_loss(method, batch, key_weights, queue, alpha=0.25, **slow_options)

    loss = method.loss(batch, 0)["loss"]

    # The prior's 1e-9.
    gradients = torch.autograd.grad(loss, learning(method))
    expected_gradients = torch.autograd.grad(expected, learning(method))
    torch.testing.assert_close(loss, expected, rtol=1e-7, atol=0)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(gradient, other, rtol=1e-6, atol=1e-9)


def test_a_batchs_keys_join_the_queue_after_its_loss():
    method = make_method(lambda epoch, epochs: LossWeights(0.25), queue_size=8, momentum=1.0)
    disturb_keys(method)
    key_weights = list(method.keys.parameters())
    queue = torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)

    for seed in range(3):
        batch = make_batch(seed)
        expected = slow_loss(method, batch, key_weights, queue, alpha=0.25)
        torch.testing.assert_close(method.loss(batch, 0)["loss"], expected, rtol=1e-7, atol=0)
        keys = embed(batch.views[1], key_weights)[1]
        queue = torch.cat([queue[0], keys])[-8:], torch.cat([queue[1], batch.labels])[-8:]

    found, labels = method.memory.contents()
    order, expected_order = found[:, 0].argsort(), queue[0][:, 0].argsort()
    torch.testing.assert_close(found[order], queue[0][expected_order])
    assert torch.equal(labels[order], queue[1][expected_order])


def test_what_was_never_filled_does_not_take_part():
    losses = []
    for size in (3, 1024):
        method = make_method(queue_size=size)
        method.memory.add(*make_keys(3))
        loss = method.loss(make_batch(), 0)["loss"]
        losses.append((loss, *torch.autograd.grad(loss, learning(method))))

    assert all(torch.equal(one, other) for one, other in zip(*losses, strict=True))
    without = make_method().loss(make_batch(), 0)["loss"]
    assert not torch.isclose(losses[0][0], without)  # the three keys do


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_the_key_encoder_follows_the_trained_encoder_and_projector(momentum):
    method = make_method(momentum=momentum, queue_size=4)
    source = [*method.encoder.parameters(), *method.projector.parameters()]
    optimiser = torch.optim.SGD(learning(method), lr=0.5)
    expected = [parameter.detach().clone() for parameter in source]

    for step in range(3):
        pairs = zip(expected, source, strict=True)
        expected = [momentum * k + (1 - momentum) * q.detach() for k, q in pairs]
        optimiser.zero_grad()
        method.loss(make_batch(step), 0)["loss"].backward()
        optimiser.step()

    assert any(not torch.equal(k, q) for k, q in zip(expected, source, strict=True))
    for key, other in zip(method.keys.parameters(), expected, strict=True):
        torch.testing.assert_close(key, other, rtol=1e-12, atol=1e-14)
        assert key.grad is None
        assert not key.requires_grad


def test_gradients_reach_the_encoder_and_both_heads_and_nothing_else():
    method = make_method()
    method.memory.add(*make_keys(6))

    method.loss(make_batch(), 0)["loss"].backward()

    names = {name.split(".")[0] for name, p in method.named_parameters() if p.grad is not None}
    assert names == set(LEARNING)
    assert all(parameter.grad.abs().sum() > 0 for parameter in learning(method))


def test_one_stage_trains_on_two_views_and_leaves_key_encoder_and_queue_to_themselves():
    (stage,) = make_method().stages

    assert (stage.name, stage.views, stage.epochs) == ("train", 2, 4)
    assert set(stage.trainable) == set(LEARNING)


def test_alpha_is_the_schedules_and_is_logged():
    for epoch in range(4):
        terms = make_method(schedules.released).loss(make_batch(), epoch)
        alpha = schedules.released(epoch, 4).alpha
        fixed = make_method(lambda *_, alpha=alpha: LossWeights(alpha)).loss(make_batch(), 0)

        assert terms.keys() == {"loss", "alpha"}
        assert terms["alpha"].item() == pytest.approx(alpha)
        assert torch.equal(terms["loss"], fixed["loss"])


def test_predictions_have_no_logit_adjustment_and_leave_the_memory_alone():
    method = make_method(dropout=0.9).eval()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    images = make_batch().views[0]
    linear = method.classifier.linear

    logits = method(images)

    torch.testing.assert_close(logits, method.encoder(images) @ linear.weight.T + linear.bias)
    assert all(torch.equal(before[key], value) for key, value in method.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_under_autocast_keep_loss_gradients_and_keys_finite(dtype):
    method = make_method(queue_size=8).float()
    with torch.no_grad():
        method.classifier.linear.weight *= 1e4  # logits beyond what e^z can be in float16
        method.projector[2].weight *= 1e3  # squares beyond float16

    for seed in range(3):
        with torch.autocast("cpu", dtype):
            assert method.encoder(make_batch(seed).views[0]).dtype == dtype
            loss = method.loss(make_batch(seed), 0)["loss"]
        loss.backward()
        assert loss.dtype == torch.float32
        assert loss.isfinite()

    keys, labels = method.memory.contents()
    assert keys.dtype == torch.float32
    assert len(labels) == 8
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(8), rtol=0, atol=1e-6)
    assert all(parameter.grad.isfinite().all() for parameter in learning(method))
