"""Time and memory of a training step of each method, relative to cross-entropy.

    python -m scripts.method_cost [--encoder resnet18] [--size 64] [--batch 32] [--steps 10]

Prints a Markdown table with a line for each stage that takes steps. Times are CPU seconds of one
thread, all stages in every round, and the median of the ratios of the rounds. Memory is the most
that the tensors of one step take at once, beyond weights and optimizer, which a first step has
allocated. The images are random, and loading is not part of a step.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from hydra import initialize_config_dir

from aduni.batch import Batch
from aduni.cli.app import run_command
from aduni.config.build import build_method, is_floor
from aduni.methods.base import Method, Stage
from aduni.reproduce.planning import settings_of
from aduni.system.program import CONF
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import sgd
from benchmarks.measure import cpu_clock, one_thread, peak_bytes, ratio, timed

REFERENCE = "ce"
COUNTS = np.array([1083, 222, 599, 116, 177])
"""Training images of five classes, three fifths of APTOS 2019's."""


def main() -> None:
    """Print a line for each stage of each method."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with one_thread():
        steps = dict(all_steps(arguments))
        device = torch.device("cpu")
        peaks = {name: (step(), peak_bytes(step, device))[1] for name, step in steps.items()}
        calls = {name: partial(repeat, step, arguments.steps) for name, step in steps.items()}
        rounds = [
            {name: timed(call, cpu_clock) for name, call in calls.items()}
            for _ in range(arguments.rounds)
        ]
    seconds = {name: [each[name] for each in rounds] for name in calls}
    print("| method, stage | time | memory |\n|---|---:|---:|")
    for name, each in seconds.items():
        times = ratio(each, seconds[REFERENCE]).median
        print(f"| {name} | {times:.2f} | {peaks[name] / peaks[REFERENCE]:.2f} |")
    print(f"A step of {REFERENCE}: {np.median(seconds[REFERENCE]) / arguments.steps:.3f} s")


def all_steps(arguments: Namespace) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of each stage with a function that takes one step of it."""
    words = [f"encoder={arguments.encoder}", f"dataset.image_size={arguments.size}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for name in sorted(file.stem for file in (CONF / "method").glob("*.yaml")):
            settings = settings_of([f"method={name}", *words])
            if is_floor(settings.method):
                continue
            count = len(build_method(settings, COUNTS, "ordinal").stages)
            for number in range(count):
                # A method of its own, since a stage freezes what it does not train.
                method = build_method(settings, COUNTS, "ordinal")
                batch = random_batch(method.stages[number].views, arguments)
                suffix = f", stage {number + 1}" if count > 1 else ""
                yield f"{name}{suffix}", step_of(method, method.stages[number], batch)


def random_batch(views: int, arguments: Namespace) -> Batch:
    """Return a batch with as many images of each class as of any other."""
    shape = (views, arguments.batch, 3, arguments.size, arguments.size)
    rows = torch.arange(arguments.batch)
    return Batch(torch.randint(0, 256, shape, dtype=torch.uint8), rows % len(COUNTS), rows)


def step_of(method: Method, stage: Stage, batch: Batch) -> Callable[[], None]:
    """Return a function that takes one step: loss, gradients and optimizer."""
    optimisation = Optimisation(sgd, 0.01, 0.001, 0)
    module = StageModule(
        method, stage, optimisation, len(COUNTS), (0, 0), {}, learnable(method)
    ).train()
    optimizer = module.configure_optimizers()

    def step() -> None:
        optimizer.zero_grad()
        stage.loss(batch, 0)["loss"].backward()
        optimizer.step()

    return step


def repeat(call: Callable[[], None], times: int) -> None:
    """Call a function so many times."""
    for _ in range(times):
        call()


if __name__ == "__main__":
    run_command(main)
