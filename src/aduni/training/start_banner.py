"""Print what is about to be trained: data, method, steps, device."""

from collections.abc import Iterator

import numpy as np
import torch
from pytorch_lightning import Trainer
from rich.table import Table
from rich.text import Text

from aduni.auditing.warnings import warnings_of
from aduni.cli.end_summary import is_unicode, print_and_log
from aduni.config.instantiate import build
from aduni.config.schema import Names, Settings
from aduni.data.cache.decode import ALL_BITS
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints, Sampler, imbalance_ratio, suggest_sampler
from aduni.data.names import escape
from aduni.data.splits.predefined import PARTS
from aduni.data.walk import format_counts
from aduni.methods.base import Method, Stage, encoder_of
from aduni.methods.class_weights import ClassWeights
from aduni.schedules import AlphaSchedule
from aduni.training.encoder_lines import describe_encoder, warnings_of_recipe
from aduni.training.machine import trainer_of

MAX_CLASSES = 12
"""Of more classes than this, those in the middle share a line."""
LARGEST, SMALLEST = 6, 4
MAX_BAR_WIDTH, MAX_CURVE_WIDTH = 24, 32  # columns
LONG_EPOCH = 20
"""An epoch that draws the training images more often than this is remarked on."""
LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.-=+*#@"


def print_start_banner(settings: Settings, data: ImageData, method: Method) -> None:
    """Print and log a table with data, classes, method, steps and device."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold")
    lines.add_column(overflow="fold")
    for name, words in _lines(settings, data, method):
        lines.add_row(name, words)
    names = settings.names
    doing = "Continuing" if settings.resume else "Training"
    title = f"{doing} {names.method} on {names.dataset}, fold {settings.fold}, seed {settings.seed}"
    print_and_log("begins", title, lines)


def _lines(
    settings: Settings, data: ImageData, method: Method
) -> Iterator[tuple[str, str | Table]]:
    counts = data.training_counts
    yield "data", _data(data)
    for sentence in [*warnings_of(data), *warnings_of_recipe(settings)]:
        yield "warning", sentence
    yield "protocol", _protocol(data)
    yield (
        "classes",
        f"of the training part, imbalance ratio {imbalance_ratio(counts):.3g}",
    )
    yield "", class_bars([escape(name) for name in data.table.class_names], counts)
    yield "sampler", _sampler(settings.names, counts)
    name, size = settings.encoder["name"], data.image_size
    yield "method", f"{settings.names.method} on {name}, images of {size} x {size} pixels"
    trainer = trainer_of(settings)
    if encoder := encoder_of(method):
        images = len(data.table.images), int(counts.sum())
        device = trainer.strategy.root_device
        is_timed = (
            device.type == "cpu"
            and not settings.resume
            and settings.caches_features
            and not data.module.feature_extraction(encoder, device).is_cached
        )
        yield "encoder", describe_encoder(settings, encoder, images, is_timed=is_timed)
    if settings.names.recipe:
        yield "recipe", settings.names.recipe
    yield "optimizer", _optimizer(settings)
    if "alpha" in settings.method:
        curve = alpha_curve(build(settings.method["alpha"]), settings.epochs)
        yield "alpha", f"{settings.names.alpha}, {curve}"
    if line := _class_weights(settings, counts):
        yield "weights", line
    for number, stage in enumerate(method.stages):
        sampler = stage.sampler or build(settings.sampler)
        yield "" if number else "steps", _steps(stage, sampler, settings, data)
    yield "device", _device(trainer)


def _class_weights(settings: Settings, counts: Ints) -> str:
    """Return the lowest and highest class weight, and their first epoch; empty without any."""
    given: ClassWeights = build(settings.class_weights)
    if given.weights is None:
        return ""
    weights = given.weights(torch.from_numpy(counts).float())
    first = given.first_epoch(settings.epochs) + 1
    span = f"{weights.min():.3g} to {weights.max():.3g} by class"
    return f"{settings.names.class_weights}, {span}, from epoch {first} of {settings.epochs}"


def _data(data: ImageData) -> str:
    images, groups = len(data.table.images), len(np.unique(data.groups))
    parts = [(part, len(data.rows(part))) for part in PARTS]
    divided = ", ".join(f"{count} {part}" for part, count in parts if count)
    kept = f" in {groups} groups" if groups < images else ""
    others = (
        f"; {format_counts(data.table.passed_over)} passed over" if data.table.passed_over else ""
    )
    deep = (data.sources.highest > 0).any() and data.bits != ALL_BITS
    read = f", 16-bit files read as {data.bits} bits" if deep else ""
    return f"{escape(data.title)}, {images} images{kept}: {divided}{read}{others}"


def _protocol(data: ImageData) -> str:
    protocol = data.protocol
    split = f"split of {protocol.split_file}" if protocol.split_file else f"{protocol.folds} folds"
    caveat = f"; {data.caveat}" if data.caveat else ""
    return f"{protocol.name}: {split}, epoch selected on the {protocol.selected_on} part{caveat}"


def class_bars(names: list[str], counts: Ints) -> Table:
    """Return a row for each class, the most frequent first, with a bar as long as its count.

    Args:
        names: class names.
        counts: (C,) numbers of images.
    """
    block = "█" if is_unicode() else "#"
    table = Table.grid(padding=(0, 1))
    table.add_column(max_width=28, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    order = np.argsort(-counts, kind="stable")
    folded = order[LARGEST:-SMALLEST] if len(order) > MAX_CLASSES else order[:0]
    for row in order:
        if row in folded[1:]:
            continue
        if len(folded) and row == folded[0]:
            least, most = counts[folded].min(), counts[folded].max()
            table.add_row(f"({len(folded)} classes)", f"{least}-{most}", "")
            continue
        length = max(round(MAX_BAR_WIDTH * counts[row] / counts.max()), 1)
        table.add_row(Text(names[row]), str(counts[row]), Text(block * length, style="cyan"))
    return table


def _optimizer(settings: Settings) -> str:
    options = settings.optimizer
    name = options["_target_"].rpartition(".")[2]
    spared = "" if options.get("decay_norms_and_biases", True) else ", none of norms and biases"
    return (
        f"{name}, learning rate {settings.lr:g} to {settings.lr_min:g}, weight decay "
        f"{options.get('weight_decay', 0):g}{spared}"
    )


def _sampler(names: Names, counts: Ints) -> str:
    """Return the sampler, and for AdUni, which the reason is about, the one that is suggested."""
    suggested, reason = suggest_sampler(counts)
    if names.method != "aduni" or names.sampler == suggested:
        return names.sampler
    return f"{names.sampler} (sampler={suggested} is suggested: {reason})"


def alpha_curve(schedule: AlphaSchedule, epochs: int) -> str:
    """Draw alpha from the first to the last epoch as a row of blocks.

    Of many epochs some are shown, the first and the last among them.
    """
    shown_epochs = np.linspace(0, epochs - 1, min(epochs, MAX_CURVE_WIDTH)).round().astype(int)
    values = np.array([schedule(int(epoch), epochs).alpha for epoch in shown_epochs])
    levels = LEVELS if is_unicode() else ASCII_LEVELS
    heights = np.ceil(values / max(values.max(), 1e-12) * len(levels)).astype(int)
    curve = "".join(levels[max(height, 1) - 1] for height in heights)
    return f"{values[0]:.3g} {curve} {values[-1]:.3g}"


def _steps(stage: Stage, sampler: Sampler, settings: Settings, data: ImageData) -> str:
    if stage.init_from:
        return f"{stage.name}: taken from {stage.init_from}"
    if not stage.epochs:
        return f"{stage.name}: found without steps"
    labels = data.table.labels[data.rows("train")]
    size = settings.batch_size
    numbers = {"epoch": 0, "epochs": stage.epochs, "seed": settings.seed, "batch_size": size}
    batches = sampler.batches(labels, **numbers)
    steps = (
        f"{stage.name}: {stage.epochs} epochs of {len(batches)} batches of {size} images, "
        f"{len(batches) * stage.epochs} steps"
    )
    key = "method.classifier_sampler" if stage.sampler else "sampler"
    return steps + long_epoch(sum(map(len, batches)), len(labels), size, key)


def long_epoch(drawn: int, images: int, batch_size: int, key: str) -> str:
    """Return a remark if an epoch draws the training images very often, else an empty text.

    Args:
        drawn: images that an epoch draws.
        images: images of the training part.
        batch_size: B.
        key: key of the sampler, which the remark names.
    """
    if drawn <= LONG_EPOCH * images:
        return ""
    return (
        f"; an epoch draws {drawn} images, {drawn / images:.0f} times the training part: use "
        f"{key}.epoch_length={images // batch_size} to draw about as many as there are"
    )


def _device(trainer: Trainer) -> str:
    processes = trainer.num_devices * trainer.num_nodes
    if trainer.strategy.root_device.type == "cuda":
        name = torch.cuda.get_device_name(trainer.strategy.root_device)
    else:
        threads = torch.get_num_threads()
        name = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return name if processes == 1 else f"{name}; {processes} processes"
