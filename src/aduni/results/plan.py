"""plan.json: the runs that a reproduction consists of, and how far each has come."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ValidationError, model_validator

from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json

BEYOND = "switches"
"""The table that the paper does not have."""

LONGEST = 100
"""Letters of a stored text that an error quotes."""

State = Literal["done", "running", "failed", "stopped", "missing"]
"""`stopped` has begun and goes on from its last checkpoint at the next call."""


def _a_name(text: str) -> str:
    """Refuse what would lead out of the folder that it names a part of: it may be a file's word."""
    if not re.fullmatch(r"\w[\w.+=-]*", text):
        raise ValueError(f"names a run or a folder {text[:LONGEST]!r}, which is no plain name")
    return text


def _an_override(text: str) -> str:
    """Refuse words for Hydra itself, which decide where train.py writes."""
    key = text.partition("=")[0].lstrip("+~")
    foreign = re.match(r"hydra\b", key) and key != "hydra.searchpath"
    if text.startswith("-") or foreign or key == "resume":
        raise ValueError(f"has the override {text[:LONGEST]!r}, which no plan gives to train.py")
    return text


Name = Annotated[str, AfterValidator(_a_name)]
Override = Annotated[str, AfterValidator(_an_override)]


class PlannedRun(BaseModel, extra="forbid", frozen=True):
    """One training.

    Attributes:
        id: hash of the resolved configuration, the split and the first stage.
        folder: its name below `runs`.
        dataset: name of the data set.
        fold: test fold.
        seed: of the training.
        rows: (table, label of the row) of every row that the run is part of.
        overrides: of train.py.
        first_stage: id of the run whose best checkpoint takes the first stage's place.
    """

    id: Name
    folder: Name
    dataset: str
    fold: int
    seed: int
    rows: tuple[tuple[str, str], ...]
    overrides: tuple[Override, ...]
    first_stage: str | None = None

    @property
    def turn(self) -> tuple[bool, int, int, str]:
        """Runs of one turn come before those of a later one; rows beyond the paper come last."""
        beyond = bool(self.rows) and all(table == BEYOND for table, _ in self.rows)
        return beyond, self.seed, self.fold, self.dataset


class Plan(BaseModel, extra="forbid", frozen=True):
    """All runs of a profile.

    Attributes:
        profile: its name.
        folds: planned ones.
        runs: turn by turn, see `PlannedRun.turn`; first stages come before what needs them.
    """

    profile: str
    folds: tuple[int, ...]
    runs: tuple[PlannedRun, ...]

    @model_validator(mode="after")
    def _names_each_run_once(self) -> Self:
        ids = {run.id for run in self.runs}
        if len(ids) < len(self.runs) or len({run.folder for run in self.runs}) < len(self.runs):
            raise ValueError("names a run or a folder twice")
        lacking = [run for run in self.runs if run.first_stage and run.first_stage not in ids]
        if lacking:
            raise ValueError(f"lacks the first stage of {lacking[0].folder}")
        return self


def read_plan(root: Path) -> Plan | None:
    """The plan in a folder; None where there is none.

    Raises:
        UserError: it is unreadable or of another version, or leads out of its folder.
    """
    path = root / "plan.json"
    if not path.exists():
        return None
    try:
        return Plan.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":
            raise UserError(
                f"{path} {first['ctx']['error']}; remove it, and reproduce.py writes it again."
            ) from error
        raise UserError(
            f"{path} was written by another version of this project; remove it, and "
            "reproduce.py writes it again."
        ) from error


def run_folder(root: Path, run: PlannedRun) -> RunFolder:
    """Where a planned run lies.

    Raises:
        UserError: a link leads out of the reproduction, where nothing is to be read or written.
    """
    runs = root / "runs"
    path = runs / run.folder
    if path.is_symlink() and path.resolve().parent != runs.resolve():
        raise UserError(
            f"{path} is a link to {path.resolve()}, which is no part of {runs}; put the run itself "
            "there, or remove the link."
        )
    return RunFolder(path)


def state_of(folder: RunFolder) -> State:
    """How far a run has come, by its files and its lock."""
    if folder.metrics.exists():
        return "done" if damage_of(folder) is None else "failed"
    if is_running(folder):
        return "running"
    if folder.failure.exists():
        return "failed"
    return "stopped" if folder.config.exists() else "missing"


def is_running(folder: RunFolder) -> bool:
    """Whether some process trains it now, or is about to."""
    return is_locked(folder.lock) or is_locked(folder.job_lock)


def is_locked(lock: Path) -> bool:
    """Whether some process holds it."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def failure_of(folder: RunFolder) -> str:
    """Why a run failed, as one sentence."""
    damage = damage_of(folder) if folder.metrics.exists() else None
    if damage:
        return damage
    try:
        return str(read_json(folder.failure)["reason"])
    except (UserError, OSError, KeyError):
        return "Its reason was not kept."


def damage_of(folder: RunFolder) -> str | None:
    """What is wrong with a finished run's metrics.json; None where nothing is."""
    try:
        read_json(folder.metrics)
    except UserError as error:
        return str(error)
    except OSError:
        return f"{folder.metrics} is not readable; remove it and run again."
    return None
