"""The figures of scripts/training_health.py, against loops over the anchors."""

import math
import runpy
from pathlib import Path

import pytest
import torch

from aduni.batch import Batch
from aduni.methods.aduni import AdUni
from aduni.methods.base import DataInfo
from aduni.methods.paco import PaCo
from aduni.schedules import constant
from tiny_encoder import TinyEncoder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "training_health.py"
LABELS = [0, 1, 0, 2]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def _make(kind, **options):
    torch.manual_seed(0)
    task = DataInfo(torch.tensor([6, 3, 1]), torch.full((2, 3), 1 / 3), epochs=2)
    return kind(TinyEncoder(), task, constant, hidden=5, embedding=4, dropout=0.0, **options)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (2, 4, 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor(LABELS), torch.arange(4))


def _mean(values):
    return sum(values) / len(values)


def test_figures_are_those_of_a_loop(script, batch):
    method = _make(AdUni)
    found = script["health"](method, batch, 0)

    features = method.encoder(batch.views.flatten(0, 1)).detach()
    logits, embeddings, labels = method.classifier(features), method.projector(features), LABELS * 2
    mass, terms, same, other = [], [], [], []
    for i in range(8):
        classes = [math.exp(z) * n / 10 for z, n in zip(logits[i].tolist(), (6, 3, 1), strict=True)]
        cosines = {k: float((embeddings[i] @ embeddings[k]).detach()) for k in range(8) if k != i}
        total = sum(classes) + sum(math.exp(cosine / 0.1) for cosine in cosines.values())
        mass.append(sum(classes) / total)
        terms.append(-math.log(classes[labels[i]] / total))
        for k, cosine in cosines.items():
            (same if labels[k] == labels[i] else other).append(cosine)
    assert found["uninformed"] == pytest.approx(math.log(3 + 7))
    assert found["class mass"] == pytest.approx(_mean(mass), rel=1e-4)
    assert found["class term"] == pytest.approx(_mean(terms), rel=1e-4)
    assert found["same"] == pytest.approx(_mean(same), rel=1e-4)
    assert found["other"] == pytest.approx(_mean(other), rel=1e-4)
    loss = method.loss(batch, 0)["loss"]
    assert found["loss"] == pytest.approx(loss.item())
    gradients = torch.autograd.grad(loss, list(method.encoder.parameters()))
    squares = sum(float((gradient**2).sum()) for gradient in gradients)
    assert found["gradient"] == pytest.approx(math.sqrt(squares), rel=1e-4)


@pytest.mark.parametrize("weighting", ["released", "printed"])
def test_the_excess_of_weights_that_know_nothing_is_0(script, batch, weighting):
    method = _make(AdUni, weighting=weighting, logit_adjustment="none", temperature=1e6)
    for parameter in method.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    found = script["health"](method, batch, 0)
    assert found["excess"] == pytest.approx(0, abs=1e-5)
    assert found["loss"] != pytest.approx(found["uninformed"], rel=1e-3)


def test_a_queue_counts_among_the_entries(script, batch):
    method = _make(PaCo, queue_size=8)
    entries = [math.exp(script["health"](method, batch, 0)["uninformed"]) for _ in range(3)]
    # Classes, other queries, keys of the batch, and a queue that fills by a batch each time.
    assert entries == pytest.approx([3 + 3 + 4, 3 + 3 + 4 + 4, 3 + 3 + 4 + 8])


def test_a_method_of_another_loss_is_refused(script, tmp_path, monkeypatch, refusal):
    class Other:
        method = torch.nn.Linear(1, 1)

    monkeypatch.setitem(script["of_run"].__globals__, "load_trained", lambda path: Other())
    refusal(lambda: next(script["of_run"](tmp_path / "best.ckpt", 1, "")), "best.ckpt", "Linear")
