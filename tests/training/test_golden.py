"""Twenty steps of AdUni on the digits, against losses recorded once.

A refactoring must not move them. Where a change is meant to, record them anew and say why:

    PYTHONPATH=src:tests python tests/training/test_golden.py
"""

import json
from pathlib import Path

import pytest
import torch
from pytorch_lightning import seed_everything

from aduni.config.build import build_data, build_method
from aduni.config.instantiate import build
from composing import settings_of

GOLDEN = Path(__file__).with_name("golden_losses.json")
STEPS = 20


def losses(cache_dir: Path) -> list[float]:
    """Of the first steps of a plain training loop.

    In float64 and in small steps: a step through batch norm over a small batch multiplies
    rounding errors tenfold and more, so that in float32 the curve depends from the second
    step on how many threads did the sums.
    """
    settings = settings_of(
        "method=aduni",
        "encoder.name=mobilenet_v3_small",
        "sampler=upsample",
        "batch_size=20",
        "num_workers=0",
        f"dataset.cache_dir={cache_dir}",
    )
    seed_everything(0, verbose=False)
    data = build_data(settings)
    method = build_method(settings, data.training_counts).double()
    (stage,) = method.stages
    data.module.begin_stage(build(settings.sampler), views=stage.views, epochs=stage.epochs)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.001, momentum=0.9)
    values = []
    for _, batch in zip(range(STEPS), data.module.train_dataloader(), strict=False):
        optimiser.zero_grad()
        loss = stage.loss(batch, 0)["loss"]
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    return values


def test_the_loss_curve_is_the_recorded_one(tmp_path):
    assert losses(tmp_path) == pytest.approx(json.loads(GOLDEN.read_text()), rel=1e-6)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(losses(Path(".cache")), indent=1) + "\n")
