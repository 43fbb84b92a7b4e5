"""Weights & Biases logger: one W&B run for every job. Imported only with logger=wandb."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import wandb
from lightning_fabric.loggers.logger import rank_zero_experiment
from pydantic import Field
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from aduni.results.history_csv import read_history
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import atomic_write
from aduni.system.csv_escape import read_saved

MAX_CONFUSION_CLASSES = 60
"""W&B takes the cells of a confusion matrix as rows of a table."""
RUN_METRICS = ("selected_epoch", "train_seconds", "images_per_second")
TEXT_COLUMNS = (
    *("table", "dataset", "block", "row", "baseline", "figure", "class", "sampler"),
    *("state", "note"),
)
"""Columns of a report's tables that hold text."""

_Mode = Literal["online", "offline", "disabled"]

log = logging.getLogger(__name__)


class WandbRunLogger(WandbLogger):
    """Logger that sends settings, curves and final metrics of a job to W&B, from rank 0 only.

    A failure of W&B is only a line in the job's log: history.csv, metrics.json and
    predictions.csv hold everything that it would have shown.

    Args:
        folder: of the job; keeps the id, so that a resumed job continues its W&B run.
        config: all settings, as plain values.
        project: on W&B.
        group: of runs that belong together.
        tags: of the run.
        name: of the run; None for method, dataset, fold and seed.
        offline: `auto` is offline unless an API key is configured; WANDB_MODE overrides it.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        project: Annotated[str, Field(pattern=r"^[^/\\#?%:]{1,128}$")] = "aduni",
        group: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        offline: Literal["auto"] | bool = "auto",
    ) -> None:
        default = "{names[method]}_{names[dataset]}_fold{fold}_seed{seed}".format(**config)
        super().__init__(project=project, name=name or default, save_dir=folder)
        self._options: dict[str, Any] = {"group": group, "tags": tags, "config": config}
        self._folder, self._wanted = RunFolder(folder), offline
        self._stages = self._epochs_before = 0
        self._warn_once = _WarnOnce()

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, started at first use: offline if W&B cannot be reached, else disabled."""
        if self._experiment is None:
            try:
                self._experiment = self._begin(_mode(self._wanted))
            except Exception as error:
                log.warning("W&B: %s; the run is kept offline, and `wandb sync` sends it.", error)
        for mode in ("offline", "disabled"):
            if self._experiment is None:
                with self._warn_once():
                    self._experiment = self._begin(mode)
        return self._experiment

    def _begin(self, mode: _Mode | None) -> wandb.Run:
        stored = self._folder.wandb_id
        run = wandb.init(
            **self._options,
            project=self._project,
            name=self._name,
            dir=self._save_dir,
            id=stored.read_text().strip() if stored.exists() else None,
            resume="allow",
            mode=mode,
            settings=wandb.Settings(init_timeout=60, finish_timeout=300),
        )
        if not run.disabled:
            with atomic_write(stored) as temporary:
                temporary.write_text(f"{run.id}\n")
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add to the curves; epochs are counted through all stages, and steps are not used."""
        with self._warn_once():
            epoch = metrics["epoch"] + self._epochs_before
            self.experiment.log({**metrics, "epoch": epoch})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Count the epochs of a finished stage, which the next stage's follow."""
        self._stages += 1
        if self._folder.history.exists():
            stages = read_history(self._folder.history)["stage"]
            self._epochs_before = int(stages.isin(stages.unique()[: self._stages]).sum())

    def report(self, metrics: dict[str, Any], predictions: pd.DataFrame) -> None:
        """Send the final metrics, and the test part's classes and confusion matrix.

        Args:
            metrics: what metrics.json holds.
            predictions: what predictions.csv holds; only counts of its rows are sent.
        """
        test, figures = metrics["test"], _metrics(metrics)
        classes = {
            "trained on": metrics["training_counts"],
            "tested on": test["support"],
            "F1": test["per_class_f1"],
            "recall": test["per_class_recall"],
        }
        with self._warn_once():
            for part, values in figures.items():
                self.experiment.summary.update({f"{part}/{k}": v for k, v in values.items()})
            self.experiment.summary.update({key: metrics[key] for key in RUN_METRICS})
            final = {
                "figures": _table(figures, "figure"),
                "test/classes": _table(classes, "class"),
            }
            if len(test["support"]) <= MAX_CONFUSION_CLASSES:
                final["test/confusion_matrix"] = _confusion(predictions, list(test["support"]))
            self.experiment.log(final)

    def close(self) -> None:
        """End the W&B run if one began, as failed if an exception is being handled."""
        failed = sys.exc_info()[0] is not None
        if self._experiment is not None:
            with self._warn_once():
                self._experiment.finish(exit_code=int(failed))
            self._experiment = None


def send_report(
    folder: Path, name: str, *, project: str, group: str | None, offline: Literal["auto"] | bool
) -> None:
    """Send tables and figures of a report as one W&B run, which a later report continues.

    A failure of W&B is only a warning.

    Args:
        folder: with tables/ and figures/; keeps the run's id.
        name: of the run.
        project: on W&B.
        group: of the runs that the report is about.
        offline: as for `WandbRunLogger`.
    """
    stored = folder / "wandb_id.txt"
    with _WarnOnce()():
        run = wandb.init(
            project=project,
            group=group,
            name=name,
            job_type="report",
            dir=folder,
            id=stored.read_text().strip() if stored.exists() else None,
            resume="allow",
            mode=_mode(offline),
        )
        tables = {
            f"tables/{file.stem}": read_saved(file, TEXT_COLUMNS)
            for file in sorted(folder.glob("tables/*.csv"))
        }
        pictures = sorted(folder.glob("figures/*.png"))
        run.log({name: wandb.Table(dataframe=frame) for name, frame in tables.items()})
        run.log({f"figures/{file.stem}": wandb.Image(str(file)) for file in pictures})
        if not run.disabled:
            stored.write_text(f"{run.id}\n")
        run.finish()


def _mode(offline: Literal["auto"] | bool) -> Literal["online", "offline"] | None:
    """Return the mode, None to leave it to WANDB_MODE; asks for no key and uses no network."""
    if os.environ.get("WANDB_MODE"):
        return None
    if offline == "auto":
        offline = not wandb.login(prompt=False, verify=False)
    return "offline" if offline else "online"


def _metrics(metrics: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return metrics by part and key."""
    return {
        part: {name: value for name, value in metrics[part].items() if isinstance(value, float)}
        for part in ("test", "validation")
        if metrics[part]
    }


def _table(columns: dict[str, dict[str, float]], index: str) -> wandb.Table:
    return wandb.Table(dataframe=pd.DataFrame(columns).rename_axis(index).reset_index())


def _confusion(predictions: pd.DataFrame, names: list[str]) -> Any:
    test = predictions[predictions["part"] == "test"]
    true, guess = (pd.Categorical(test[key], names).codes for key in ("label", "predicted"))
    return wandb.plot.confusion_matrix(
        y_true=true.tolist(), preds=guess.tolist(), class_names=names, title="test part"
    )


class _WarnOnce:
    """Context that turns the first failure inside into a warning, and ignores later ones."""

    def __init__(self) -> None:
        self._has_warned = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self._has_warned:
                log.warning("W&B failed (%s); nothing else depends on it.", error)
            self._has_warned = True
