"""Plan the runs of a preset: image size and steps that fit the time, and train.py commands."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from omegaconf import OmegaConf

from aduni.config.schema import Settings, read_settings
from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.fit.fit_settings import Preset, Row, Scale
from aduni.fit.speed import Speed
from aduni.reproduce.planning import compose_training, planned_run
from aduni.reproduce.splits import SplitHashes
from aduni.results.plan import FLOORS, PlannedRun
from aduni.system.program import command_text

MODELS = "models"
"""Name that plan.json has for the models, as that of a table."""
SHARE_OF_TIME = 0.85
"""Share of the time that is planned for: a busy machine is slower than it was measured."""
RUN_SECONDS = 10.0
"""Start and end of a run: imports, checks, metrics and pages."""
BATCH_SECONDS = 0.004
"""Time of the training loop for a batch of features, measured on a virtual Xeon core."""
MIN_EPOCHS, MAX_EPOCHS = 3, 100
"""Epochs of a training, however large or small the data set is."""
MAX_ENLARGEMENT = 1.5
"""Images are not enlarged further: on a frozen encoder 224 px had a higher macro F1 than 128 px on
the validation parts of APTOS at 150 px."""
IMAGE_SIZE = "dataset.image_size="


@dataclass(frozen=True)
class Portfolio:
    """The models of a preset on a data set.

    Attributes:
        given: overrides of the command line for every training.
        images: numbers of images: all, those that train and those that select.
        folds: folds that are trained.
        seeds: seeds of each fold's trainings.
    """

    preset: Preset
    given: tuple[str, ...]
    images: tuple[int, int, int]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    has_files: bool

    @classmethod
    def of(cls, preset: Preset, given: tuple[str, ...], data: ImageDataModule) -> "Portfolio":
        """Return the portfolio on a data set, of which only the table is read."""
        table, protocol = data.table, data.protocol
        total = len(table.images)
        if table.parts is not None or protocol.split_files:
            count, seeds = 1, preset.seeds
        else:
            count = protocol.folds if preset.folds == "all" else 1
            seeds = preset.seeds[:1]
        trained = 1 - 1 / protocol.folds
        if table.parts is not None:
            trained = float((table.parts != "test").mean())
        validation = trained * protocol.validation_fraction
        images = total, round(total * (trained - validation)), round(total * validation)
        has_files = table.files is not None
        return cls(preset, given, images, tuple(range(count)), seeds, has_files)

    @cached_property
    def scales(self) -> list[Scale]:
        """Scales of the preset, with the image size of the command line if it has one."""
        sizes = [o.removeprefix(IMAGE_SIZE) for o in self.given if o.startswith(IMAGE_SIZE)]
        if not sizes:
            return list(self.preset.scales)
        steps = [scale.steps for scale in self.preset.scales]
        size = settings_of(self.overrides(next(iter(self.preset.rows.values())), None)).dataset
        return [Scale(image_size=size["image_size"], steps=each) for each in dict.fromkeys(steps)]

    @property
    def fine_tuned(self) -> Row | None:
        """The first row that trains all weights, if there is one."""
        return next((row for row in self.preset.rows.values() if row.steps), None)

    def overrides(self, row: Row, scale: Scale | None) -> tuple[str, ...]:
        """Return the overrides of a row's trainings, at a scale if one is given."""
        found = (*self.given, *row.overrides)
        if scale is None:
            return found
        size = f"{IMAGE_SIZE}{scale.image_size}"
        return (*found, size, f"epochs={self.epochs(row, scale)}")

    def epochs(self, row: Row, scale: Scale) -> int:
        """Return the epochs in which a fine-tuning takes its share of the steps.

        Heads on a frozen encoder take those of the recipe, or as many as their steps allow.
        """
        settings = settings_of(self.overrides(row, None))
        batches = max(self.images[1] // settings.batch_size, 1)
        if row.steps is None:
            most = max(self.preset.frozen_steps // batches, MIN_EPOCHS)
            return min(settings.epochs, most)
        whole = min(max(scale.steps / batches, MIN_EPOCHS), MAX_EPOCHS)
        return max(round(row.steps * whole), 1)

    def seconds(self, scale: Scale, speed: Speed) -> float:
        """Return the time that all of it is expected to take."""
        total, _, _ = self.images
        size = scale.image_size
        once = total * (2 * speed.read + speed.forward[size])  # the audit and floors read
        trainings = len(self.folds) * len(self.seeds)
        floors = len(self._floors) * RUN_SECONDS
        rows = sum(self.seconds_of_row(row, scale, speed) for row in self.preset.rows.values())
        return once + 2 * RUN_SECONDS + trainings * (floors + rows)

    def seconds_of_row(self, row: Row, scale: Scale, speed: Speed) -> float:
        """Return the expected time of one training of a row."""
        total, trained, selecting = self.images
        settings = settings_of(self.overrides(row, scale))
        if not row.steps:
            return RUN_SECONDS + settings.epochs * trained / settings.batch_size * BATCH_SECONDS
        size, views = scale.image_size, 1 / row.steps
        epoch = views * trained * speed.training[size] + selecting * speed.forward[size]
        return RUN_SECONDS + settings.epochs * epoch + (total - trained) * speed.forward[size]

    def choose(self, speed: Speed, seconds: float, words: str) -> Scale:
        """Return the first scale that fits; raise UserError with the least time if none does.

        Scales that would enlarge the images too far are passed over, but for the smallest size.

        Args:
            seconds: time for everything.
            words: what is refused, to begin the sentence.
        """
        smallest = min(scale.image_size for scale in self.scales)
        largest = max(MAX_ENLARGEMENT * speed.side, smallest)
        scales = [scale for scale in self.scales if scale.image_size <= largest]
        needed = {scale: self.seconds(scale, speed) / SHARE_OF_TIME for scale in scales}
        for scale, expected in needed.items():
            if expected <= seconds:
                return scale
        scale, least = min(needed.items(), key=lambda pair: pair[1])
        raise UserError(
            f"{words} is too short: at {scale.image_size} px the models would take about "
            f"{format_duration(least)} on this machine, as measured; give "
            f"max_time={format_time(least)} or more, or a smaller preset or dataset.image_size."
        )

    def runs(self, scale: Scale, hashes: SplitHashes) -> list[PlannedRun]:
        """Return all runs: floors, frozen and then fine-tuned rows, fold by fold."""
        found: dict[str, PlannedRun] = {}
        for seed in self.seeds:
            for fold in self.folds:
                for table, label, overrides in self._trainings(scale):
                    run = planned_run(overrides, fold, seed, hashes, ((table, label),))
                    found.setdefault(run.id, run)
        return list(found.values())

    def _trainings(self, scale: Scale) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for label, overrides in self._floors.items():
            yield FLOORS, label, (*self.given, *overrides, f"{IMAGE_SIZE}{scale.image_size}")
        for label, row in self.preset.rows.items():
            yield MODELS, label, self.overrides(row, scale)

    @property
    def _floors(self) -> dict[str, tuple[str, ...]]:
        of_files = ("method=shortcut_file",)
        return {
            label: overrides
            for label, overrides in self.preset.floors.items()
            if self.has_files or overrides != of_files
        }


def settings_of(overrides: Sequence[str]) -> Settings:
    """Return the checked settings that train.py would run with."""
    return read_settings(OmegaConf.create(compose_training(tuple(overrides))))


def format_duration(seconds: float) -> str:
    """Return a time in words: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def format_time(seconds: float) -> str:
    """Return a time as DD:HH:MM:SS, rounded up to whole minutes."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 1440:02}:{minutes // 60 % 24:02}:{minutes % 60:02}:00"


def command(run: PlannedRun, folder: Path) -> str:
    """Return the command that trains a planned run by hand."""
    from aduni.cli.mistyped.quoting import quote_for_shell

    words = [*run.overrides, f"hydra.run.dir={folder}"]
    return f"{command_text('train')} {' '.join(map(quote_for_shell, words))}"
