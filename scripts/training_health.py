"""What the unified loss of AdUni and PaCo does in a run: at its start, and at its tested epoch.

    python scripts/training_health.py RUN/checkpoints/best.ckpt [...]

Prints a Markdown table. Each line is the mean over a few batches of training views:

    loss         that is optimised
    uninformed   log of the number of entries in an anchor's softmax, C + M - 1: what a term costs
                 where all entries are equal
    excess       loss as a weighted mean of its terms, without tau / tau_base, minus uninformed:
                 below 0 more is known than nothing
    class mass   share of the softmax that the classes have; near 0 they compete with the contrasts
                 and not with each other, so that all logits rise and nothing is told apart
    class term   -log p(y), in nats
    same, other  mean cosine of an anchor and the contrasts of its class, and of the other classes
    gradient     norm of the loss's gradient by the encoder's parameters
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from aduni.batch import Batch
from aduni.cli.app import run_command
from aduni.config.build import build_method
from aduni.config.instantiate import build
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel, data_of, load_trained
from aduni.losses.contrastive import Contrasts, aduc
from aduni.methods.base import Method

COLUMNS = ("loss", "uninformed", "excess", "class mass", "class term", "same", "other", "gradient")


def main() -> None:
    """Print the table of the checkpoints that the command line names."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("ckpt", type=Path, nargs="+", help="best.ckpt of a run of AdUni or PaCo")
    parser.add_argument("--batches", type=int, default=10, help="to take the mean of")
    parser.add_argument("--cache-dir", default=".cache", help="as dataset.cache_dir")
    arguments = parser.parse_args()
    print(f"| run | epoch | {' | '.join(COLUMNS)} |")
    print(f"|---|---:|{'---:|' * len(COLUMNS)}")
    for path in arguments.ckpt:
        for epoch, figures in of_run(path, arguments.batches, arguments.cache_dir):
            numbers = " | ".join(f"{figures[name]:.3g}" for name in COLUMNS)
            print(f"| {path.resolve().parents[1].name} | {epoch} | {numbers} |", flush=True)


def of_run(path: Path, batches: int, cache_dir: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Figures of fresh weights, then of the checkpoint's, on the same batches.

    Raises:
        UserError: no checkpoint, other data, or a method with another loss.
    """
    trained = load_trained(path)
    if not hasattr(sys.modules[type(trained.method).__module__], aduc.__name__):
        raise UserError(f"{path} is of {type(trained.method).__name__}; give one of AdUni or PaCo.")
    held = list(islice(training_batches(trained, cache_dir), batches))
    torch.manual_seed(trained.settings.seed)
    fresh = build_method(trained.settings, trained.class_counts)
    yield "start", mean_health(fresh, held, 0)
    yield str(trained.epoch), mean_health(trained.method, held, trained.epoch)


def training_batches(trained: TrainedModel, cache_dir: str) -> Iterator[Batch]:
    """As the tested epoch drew them."""
    data = data_of(trained, None, cache_dir)
    data.prepare_data()
    data.begin_stage(
        build(trained.settings.sampler),
        views=2,
        epochs=trained.settings.epochs,
        first_epoch=trained.epoch,
    )
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)


def mean_health(method: Method, batches: list[Batch], epoch: int) -> dict[str, float]:
    """Of several batches; the queue of a fresh PaCo fills with them."""
    method.train()
    found = [health(method, batch, epoch) for batch in batches]
    return {name: sum(each[name] for each in found) / len(found) for name in COLUMNS}


def health(method: Method, batch: Batch, epoch: int) -> dict[str, float]:
    """Figures of one batch, by the names of the columns."""
    seen: dict[str, Any] = {}

    def listening(
        logits: Tensor, features: Tensor, labels: Tensor, contrasts: Contrasts, **options: Any
    ) -> Tensor:
        seen.update(logits=logits, features=features, labels=labels, contrasts=contrasts, **options)
        return aduc(logits, features, labels, contrasts, **options)

    with patch.object(sys.modules[type(method).__module__], aduc.__name__, listening):
        loss = method.stages[0].loss(batch, epoch)["loss"]
    parameters = [each for each in method.encoder.parameters() if each.requires_grad]
    gradients = torch.autograd.grad(loss, parameters)
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    found = _of_softmax(seen)
    excess = loss.item() / _factor(seen) - found["uninformed"]
    return {"loss": loss.item(), "excess": excess, "gradient": norm.item(), **found}


def _factor(seen: dict[str, Any]) -> float:
    """Of the loss, over the weighted mean of its terms; two views give each anchor a positive."""
    if seen.get("weighting") == "printed":
        return float(seen["alpha"] + seen["beta"])
    return float(seen["temperature"] / seen["base_temperature"])


@torch.no_grad()
def _of_softmax(seen: dict[str, Any]) -> dict[str, float]:
    """Of the arguments that the loss was called with."""
    prior = 0.0 if seen["prior"] is None else torch.log(seen["prior"] + 1e-9)
    classes = (seen["logits"] + prior) / seen["class_temperature"]
    features, contrasts = seen["features"], seen["contrasts"]
    cosines = features @ contrasts.features.T
    others = torch.ones_like(cosines, dtype=torch.bool).scatter_(1, contrasts.own[:, None], False)
    same = seen["labels"][:, None] == contrasts.labels
    samples = (cosines / seen["temperature"]).masked_fill(~others, -torch.inf).logsumexp(dim=1)
    total = torch.logaddexp(classes.logsumexp(dim=1), samples)
    entries = torch.tensor(classes.shape[1] + cosines.shape[1] - 1)
    return {
        "uninformed": entries.log().item(),
        "class mass": (classes.logsumexp(dim=1) - total).exp().mean().item(),
        "class term": (total - classes.gather(1, seen["labels"][:, None]).squeeze(1)).mean().item(),
        "same": cosines[same & others].mean().item(),
        "other": cosines[~same].mean().item(),
    }


if __name__ == "__main__":
    run_command(main)
