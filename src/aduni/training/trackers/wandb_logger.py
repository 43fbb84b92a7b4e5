"""Weights & Biases logger: one W&B run for every job. Imported only with logger=wandb."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import wandb
from lightning_fabric.loggers.logger import rank_zero_experiment
from pydantic import Field
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from aduni.errors import warn
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import atomic_write
from aduni.system.csv_escape import read_saved
from aduni.training.trackers.media import html_or_image

TEXT_COLUMNS = (
    *("table", "dataset", "block", "row", "baseline", "figure", "class", "sampler"),
    *("state", "note"),
)
"""Columns of a report's tables that hold text."""

_Mode = Literal["online", "offline"]

log = logging.getLogger(__name__)


class WandbRunLogger(WandbLogger):
    """Lightning's logger for W&B that is offline without an API key or a connection.

    Args:
        save_dir: folder of the job; keeps the id, so that a resumed job continues its W&B run.
        project: on W&B.
        group: of runs that belong together.
        tags: of the run.
        name: of the run.
        offline: `auto` is offline unless an API key is configured; WANDB_MODE overrides it.
    """

    def __init__(
        self,
        save_dir: Path,
        project: Annotated[str, Field(pattern=r"^[^/\\#?%:]{1,128}$")] = "aduni",
        group: str | None = None,
        tags: Sequence[str] = (),
        name: str | None = None,
        offline: Literal["auto"] | bool = "auto",
    ) -> None:
        # Without tags a resumed W&B run keeps those that it has.
        own: dict[str, Any] = {"group": group, "tags": list(tags) or None}
        super().__init__(project=project, name=name, save_dir=save_dir, **own)
        self._stored_id, self._wanted = RunFolder(Path(save_dir)).wandb_id, offline

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, started at first use: offline if W&B cannot be reached."""
        if self._experiment is None:
            mode = _mode(self._wanted)
            try:
                self._experiment = self._begin(mode)
            except Exception as error:
                if mode == "offline":
                    raise
                sentence = f"W&B: {error}; the run is kept offline, and `wandb sync` sends it."
                warn(log, " ".join(sentence.split()))
                self._experiment = self._begin("offline")
        return self._experiment

    def _begin(self, mode: _Mode | None) -> wandb.Run:
        stored = self._stored_id
        if stored.exists():
            self._wandb_init["id"] = stored.read_text().strip()
        settings = wandb.Settings(init_timeout=60, finish_timeout=300)
        run = wandb.init(**self._wandb_init, mode=mode, settings=settings)
        if not run.disabled:
            with atomic_write(stored) as temporary:
                temporary.write_text(f"{run.id}\n")
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add to the curves over the epoch, which a resumed run may have counted before."""
        self.experiment.log({**metrics, "epoch": step})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run if one began."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(status != "success"))
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
    stored = RunFolder(folder).wandb_id
    try:
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
        for file in sorted(folder.glob("tables/*.csv")):
            table = wandb.Table(dataframe=read_saved(file, TEXT_COLUMNS))
            run.log({f"tables/{file.stem}": table})
        for file in sorted(folder.glob("figures/*.svg")):
            run.log({f"figures/{file.stem}": html_or_image(file)})
        if not run.disabled:
            stored.write_text(f"{run.id}\n")
        run.finish()
    except Exception as error:
        warn(log, f"W&B failed ({error}); the report in {folder} is complete.")


def _mode(offline: Literal["auto"] | bool) -> _Mode | None:
    """Return the mode, None to leave it to WANDB_MODE; asks for no key and uses no network."""
    if os.environ.get("WANDB_MODE"):
        return None
    if offline == "auto":
        offline = not wandb.login(prompt=False, verify=False)
    return "offline" if offline else "online"
