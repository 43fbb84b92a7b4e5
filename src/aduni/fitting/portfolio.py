"""Plan the runs of a preset: image size and steps that fit the time, and train.py commands."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aduni.cli.mistyped.quoting import quote_for_shell, to_argument
from aduni.data.image_data import ImageData
from aduni.errors import UserError
from aduni.fitting.duration import format_duration, format_time
from aduni.fitting.fit_settings import FLOOR_OF_FILES, RUN_SECONDS, Preset, Row, Scale, Sizes
from aduni.fitting.speed import Speed
from aduni.reproduce.planning import planned_run, settings_of
from aduni.reproduce.splits import SplitHashes
from aduni.results.plan import FLOORS, PlannedRun
from aduni.system.program import command_text

MODELS = "models"
"""Name that plan.json has for the models, as that of a table."""
SHARE_OF_TIME = 0.85
"""Share of the time that is planned for: a busy machine is slower than it was measured."""
FROZEN_SHARE = 0.25
"""Share of that for audit, floors and frozen rows where others are fine-tuned."""
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
        has_files: whether the images are files, whose names and sizes may give classes away.
    """

    preset: Preset
    given: tuple[str, ...]
    images: tuple[int, int, int]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    has_files: bool

    @classmethod
    def of(cls, preset: Preset, given: tuple[str, ...], data: ImageData) -> "Portfolio":
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
    def frozen_sizes(self) -> list[int]:
        """Sizes of the preset for the frozen encoder, or the one of the command line."""
        return [self._given_size] if self._given_size else list(self.preset.frozen_sizes)

    @cached_property
    def scales(self) -> list[Scale]:
        """Scales of the preset, with the image size of the command line if it has one."""
        scales = self.preset.scales
        if self._given_size:
            scales = tuple(s.model_copy(update={"image_size": self._given_size}) for s in scales)
        return [*dict.fromkeys(scales)]

    @cached_property
    def _given_size(self) -> int | None:
        if not any(override.startswith(IMAGE_SIZE) for override in self.given):
            return None
        first = next(iter(self.preset.rows.values()))
        return int(settings_of((*self.given, *first.overrides)).dataset["image_size"])

    @property
    def fine_tuned(self) -> Row | None:
        """The first row that trains all weights, if there is one."""
        return next((row for row in self.preset.rows.values() if not row.is_frozen), None)

    def overrides(self, row: Row, sizes: Sizes) -> tuple[str, ...]:
        """Return the overrides of a row's trainings."""
        size, epochs = sizes.size_of(row), self.epochs(row, sizes)
        return (*self.given, *row.overrides, f"{IMAGE_SIZE}{size}", f"epochs={epochs}")

    def epochs(self, row: Row, sizes: Sizes) -> int:
        """Return the epochs in which a fine-tuning takes its share of the steps.

        Heads on a frozen encoder take those of the recipe, or as many as their steps allow.
        """
        settings = settings_of((*self.given, *row.overrides))
        batches = max(self.images[1] // settings.batch_size, 1)
        if row.steps is None or sizes.fine_tuned is None:
            most = max(self.preset.frozen_steps // batches, MIN_EPOCHS)
            return min(settings.epochs, most)
        whole = min(max(sizes.fine_tuned.steps / batches, MIN_EPOCHS), MAX_EPOCHS)
        return max(round(row.steps * whole), 1)

    def seconds(self, sizes: Sizes, speed: Speed) -> float:
        """Return the time that everything is expected to take."""
        rows = [row for row in self.preset.rows.values() if not row.is_frozen]
        trainings = len(self.folds) * len(self.seeds)
        fine_tuned = trainings * sum(self.seconds_of_row(row, sizes, speed) for row in rows)
        another_cache = self.images[0] * speed.read * (len(sizes.sides) - 1)
        return self._frozen_seconds(sizes, speed) + another_cache + fine_tuned

    def _frozen_seconds(self, sizes: Sizes, speed: Speed) -> float:
        """Return the time of the audit, of the floors and of the rows on a frozen encoder."""
        once = 2 * speed.read + speed.forward[sizes.frozen_size]  # the audit and floors read
        rows = [row for row in self.preset.rows.values() if row.is_frozen]
        each = sum(self.seconds_of_row(row, sizes, speed) for row in rows)
        each += len(self._floors) * RUN_SECONDS
        return self.images[0] * once + 2 * RUN_SECONDS + len(self.folds) * len(self.seeds) * each

    def seconds_of_row(self, row: Row, sizes: Sizes, speed: Speed) -> float:
        """Return the expected time of one training of a row."""
        total, trained, selecting = self.images
        epochs = self.epochs(row, sizes)
        if not row.steps:
            batch_size = settings_of((*self.given, *row.overrides)).batch_size
            return RUN_SECONDS + epochs * trained / batch_size * BATCH_SECONDS
        size, views = sizes.size_of(row), 1 / row.steps
        epoch = views * trained * speed.training[size] + selecting * speed.forward[size]
        return RUN_SECONDS + epochs * epoch + (total - trained) * speed.forward[size]

    def choose(self, speed: Speed, seconds: float, words: str) -> Sizes:
        """Return the first sizes that fit; raise UserError with the least time if none do.

        Sizes that would enlarge the images too far are passed over, but for the smallest one.

        Args:
            seconds: time for everything.
            words: what is refused, to begin the sentence.
        """
        candidates = self._candidates(speed, SHARE_OF_TIME * seconds)
        needed = {sizes: self.seconds(sizes, speed) / SHARE_OF_TIME for sizes in candidates}
        for sizes, expected in needed.items():
            if expected <= seconds:
                return sizes
        sizes, least = min(needed.items(), key=lambda pair: pair[1])
        others = [", a smaller preset"] * bool(self.scales)
        others += [", a smaller dataset.image_size"] * bool(self._given_size)
        raise UserError(
            f"{words} is too short: at {sizes.sides[-1]} px the models would take about "
            f"{format_duration(least)} on this machine, as measured; give "
            f"max_time={format_time(least)} or more{''.join(others)}."
        )

    def _candidates(self, speed: Speed, seconds: float) -> list[Sizes]:
        """Return what could be chosen, the best first; the frozen rows get a part of the time."""
        sides = [*self.frozen_sizes, *(scale.image_size for scale in self.scales)]
        largest = max(MAX_ENLARGEMENT * speed.side, min(sides))
        frozen = [Sizes(frozen_size=s) for s in self.frozen_sizes if s <= largest]
        if not self.scales:
            return frozen
        within = FROZEN_SHARE * seconds
        fitting = [each for each in frozen if self._frozen_seconds(each, speed) <= within]
        first = next(iter(fitting), frozen[-1])
        scales = [scale for scale in self.scales if scale.image_size <= largest]
        return [first.model_copy(update={"fine_tuned": scale}) for scale in scales]

    def runs(self, sizes: Sizes, hashes: SplitHashes) -> list[PlannedRun]:
        """Return all runs: floors, frozen and then fine-tuned rows, fold by fold."""
        found: dict[str, PlannedRun] = {}
        for seed in self.seeds:
            for fold in self.folds:
                for table, label, overrides in self._trainings(sizes):
                    run = planned_run(overrides, fold, seed, hashes, ((table, label),))
                    if run.id in found:
                        other = found[run.id].rows[0][1]
                        raise UserError(
                            f"The rows {other} and {label} of the preset are one training; remove "
                            "one of them."
                        )
                    found[run.id] = run
        return list(found.values())

    def _trainings(self, sizes: Sizes) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for label, overrides in self._floors.items():
            yield FLOORS, label, (*self.given, *overrides, f"{IMAGE_SIZE}{sizes.frozen_size}")
        for label, row in self.preset.rows.items():
            yield MODELS, label, self.overrides(row, sizes)

    @property
    def _floors(self) -> dict[str, tuple[str, ...]]:
        return {
            label: overrides
            for label, overrides in self.preset.floors.items()
            if self.has_files or overrides != FLOOR_OF_FILES
        }


def command(run: PlannedRun, folder: Path) -> str:
    """Return the command that trains a planned run by hand."""
    words = [*map(quote_for_shell, run.overrides), to_argument("hydra.run.dir", str(folder))]
    return f"{command_text('train')} {' '.join(words)}"
