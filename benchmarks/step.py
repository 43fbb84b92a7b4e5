"""Images a second of whole epochs over those of the bare model's steps."""

import torch

from aduni.system.threads import usable_cpus
from benchmarks.alternation import Alternation
from benchmarks.composing import train
from benchmarks.measure import Spread, one_thread, ratio, spread
from benchmarks.part import Bench, Row, Section

PAPER_EPOCHS = 400


def measure(bench: Bench) -> Section:
    """Return two rows on the CPU, and one on a GPU where there is one."""
    effort = bench.effort
    on_cpu = bench.synthetic(effort.steps * effort.batch_size, "num_workers=1", "trainer=cpu")
    with one_thread():
        apart = _alternated(bench, "apart", on_cpu, effort.bare_steps)
    shared = _alternated(bench, "shared", on_cpu, effort.bare_steps)
    rows = [
        _row("cpu, 1 torch thread", apart),
        _row(f"cpu, {torch.get_num_threads()} torch threads", shared),
    ]
    figures = {"step_cpu": efficiency(apart), "step_cpu_shared": efficiency(shared)}
    if torch.cuda.is_available():
        row, measured = row_of_gpu(bench)
        rows.append(row)
        figures |= measured
    notes = (
        f"method=aduni, ResNet-18 with the standard stem, {effort.image_size} px, "
        f"B = {effort.batch_size}, two views, 1 worker; epochs of {effort.steps} steps and "
        f"{effort.bare_steps} bare steps alternately, {effort.epochs} after one of warm-up.",
        f"{usable_cpus()} cores: with as many torch threads as cores, the worker takes its time "
        "from threads that wait for one another; with one less it has a core of its own.",
        "An epoch holds loader, logging, metrics, progress bar, history and checkpoints, and no "
        "validation pass. The bare model takes normalised floats that are there already.",
    )
    return Section("Step efficiency", rows, notes, figures)


def row_of_gpu(bench: Bench, trainer: str = "gpu") -> tuple[Row, dict[str, Spread]]:
    """Return the row of a GPU and the figures of its targets."""
    effort = bench.effort
    further = (*bench.on_gpu, f"trainer={trainer}", "precision=bf16-mixed")
    words = bench.synthetic(effort.gpu_images, *further, held_out=effort.gpu_held_out)
    watcher = _alternated(bench, "gpu", words, effort.gpu_bare_steps)
    figures = {
        "step_gpu": efficiency(watcher),
        "isic_minutes": spread([PAPER_EPOCHS * each / 60 for each in watcher.seconds]),
    }
    return _row(f"{trainer}, {effort.gpu_image_size} px, bf16-mixed", watcher), figures


def _alternated(bench: Bench, name: str, overrides: list[str], bare_steps: int) -> Alternation:
    watcher = Alternation(bare_steps)
    train([*overrides, f"epochs={bench.effort.epochs + 1}"], bench.scratch / name, watcher)
    return watcher


def efficiency(watcher: Alternation) -> Spread:
    """Divide images a second of each epoch by those of the bare steps before and after it."""
    return ratio(watcher.epochs, watcher.bare_around)


def _row(where: str, watcher: Alternation) -> Row:
    return {
        "where": where,
        "epochs, images/s": spread(watcher.epochs),
        "bare, images/s": spread(watcher.bare_around),
        "efficiency": efficiency(watcher),
        "validation, s an epoch": spread(watcher.validation),
    }
