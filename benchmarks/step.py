"""Part (c): images a second of whole epochs over those of the bare model's steps."""

from pathlib import Path

import torch

from aduni.data.cache.image_cache import usable_cpus
from benchmarks.alternation import Alternation, Passed, neighbours
from benchmarks.composing import synthetic
from benchmarks.measure import Spread, one_thread, ratio, spread
from benchmarks.section import Bench, Row, Section
from benchmarks.training import watched_training

PAPER_EPOCHS = 400


def measure_step(bench: Bench) -> Section:
    """Two rows on the CPU, and one on a GPU where there is one."""
    effort = bench.effort
    with one_thread():
        apart = _on_cpu(bench, "apart")
    shared = _on_cpu(bench, "shared")
    rows = [
        _row("cpu, 1 torch thread", effort.image_size, apart),
        _row(f"cpu, {torch.get_num_threads()} torch threads", effort.image_size, shared),
    ]
    figures = {"step_cpu": efficiency(apart), "step_cpu_shared": efficiency(shared)}
    if torch.cuda.is_available():
        on_gpu = _on_gpu(bench)
        rows.append(_row("cuda, bf16-mixed", effort.gpu_size, on_gpu))
        figures["step_gpu"] = efficiency(on_gpu)
        figures["isic_minutes"] = extrapolated(on_gpu.epochs, PAPER_EPOCHS)
        for row in rows:
            row["400 epochs, minutes"] = None
        rows[-1]["400 epochs, minutes"] = figures["isic_minutes"]
    steps = shared.epochs[0].images // effort.batch_size
    notes = (
        f"method=aduni, ResNet-18 with the standard stem, B = {effort.batch_size}, two views, 1 "
        f"worker; epochs of {steps} steps and {effort.bare_steps} bare steps in turns, "
        f"{effort.epochs} after one of warm-up.",
        f"{usable_cpus()} cores: with as many torch threads as cores, the worker takes its time "
        "from threads that wait for one another; with one less it has a core of its own.",
        "An epoch holds loader, logging, metrics, progress bar, history and checkpoints, and no "
        "validation pass. The paper's epoch on ISIC has 63 steps, of 128 images.",
        "The bare model takes normalised floats that are there already through encoder, projector "
        "and classifier, with cross-entropy, the same optimiser, and the memory format that the "
        "encoder chooses.",
    )
    return Section("Step efficiency", rows, notes, figures)


def alternated(
    folder: Path,
    *,
    images: int,
    steps: int,
    bare_steps: int,
    image_size: int,
    batch_size: int,
    epochs: int,
) -> Alternation:
    """Train on a CPU with one worker, `steps` an epoch, and bare steps after each."""
    watcher = Alternation(bare_steps)
    overrides = [
        *synthetic(
            folder.parent / "cache",
            images=images,
            held_out=14,
            image_size=image_size,
            batch_size=batch_size,
        ),
        f"sampler.epoch_length={steps}",
        f"epochs={epochs + 1}",
        "num_workers=1",
        "trainer=cpu",
    ]
    watched_training(overrides, folder, watcher)
    return watcher


def _on_cpu(bench: Bench, name: str) -> Alternation:
    effort = bench.effort
    return alternated(
        bench.scratch / name,
        images=effort.steps * effort.batch_size,
        steps=effort.steps,
        bare_steps=effort.bare_steps,
        image_size=effort.image_size,
        batch_size=effort.batch_size,
        epochs=effort.epochs,
    )


def _on_gpu(bench: Bench) -> Alternation:
    """As many images as ISIC 2018 has, with the paper's protocol's parts."""
    effort = bench.effort
    watcher = Alternation(effort.gpu_images // effort.gpu_batch)
    overrides = [
        *synthetic(
            bench.scratch / "cache",
            images=effort.gpu_images,
            held_out=effort.gpu_held_out,
            image_size=effort.gpu_size,
            batch_size=effort.gpu_batch,
        ),
        f"epochs={effort.epochs + 1}",
        "trainer=gpu",
        "precision=bf16-mixed",
        "augment=gpu",
    ]
    watched_training(overrides, bench.scratch / "gpu", watcher)
    return watcher


def efficiency(watcher: Alternation) -> Spread:
    """Images a second of each epoch over those of the bare steps before and after it."""
    bare = neighbours(watcher.bare)
    return ratio(
        [epoch.images / epoch.wall for epoch in watcher.epochs],
        [steps.images / steps.wall for steps in bare],
    )


def extrapolated(epochs: list[Passed], count: int) -> Spread:
    """Minutes of so many epochs, validation passes included."""
    return spread([count * (epoch.wall + epoch.validation) / 60 for epoch in epochs])


def _row(where: str, image_size: int, watcher: Alternation) -> Row:
    bare = neighbours(watcher.bare)
    by_cpu = [
        (epoch.images / epoch.cpu) / (steps.images / steps.cpu)
        for epoch, steps in zip(watcher.epochs, bare, strict=True)
    ]
    return {
        "where": where,
        "px": image_size,
        "epochs, images/s": spread([epoch.images / epoch.wall for epoch in watcher.epochs]),
        "bare, images/s": spread([steps.images / steps.wall for steps in bare]),
        "efficiency": efficiency(watcher),
        "by CPU clock of the training process": spread(by_cpu),
        "validation, s an epoch": spread([epoch.validation for epoch in watcher.epochs]),
    }
