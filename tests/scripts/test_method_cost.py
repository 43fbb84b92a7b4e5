"""scripts/method_cost.py takes steps as a training does."""

import runpy
from argparse import Namespace
from pathlib import Path

import torch

from aduni.losses.softmax import cross_entropy
from aduni.methods import Softmax
from aduni.methods.base import DataInfo
from tiny_encoder import TinyEncoder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "method_cost.py"


def test_a_step_changes_the_weights():
    names = runpy.run_path(str(SCRIPT))
    counts = torch.from_numpy(names["COUNTS"]).float()
    info = DataInfo(counts, counts[None] / counts.sum(), epochs=1)
    method = Softmax(TinyEncoder(), info, loss=cross_entropy)
    batch = names["random_batch"](1, Namespace(batch=10, size=2))
    before = method.encoder.linear.weight.clone()

    names["step_of"](method, method.stages[0], batch)()

    assert not torch.equal(method.encoder.linear.weight, before)
    assert torch.bincount(batch.labels).tolist() == [2] * 5
