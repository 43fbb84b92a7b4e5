"""plan.json: the runs of a reproduction, and the state of each."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from filelock import FileLock, Timeout
from pydantic import AfterValidator, BaseModel, ValidationError, model_validator

from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json

SWITCHES = "switches"
"""Name of the table that the paper does not have."""

FLOORS = "floors"
"""Name of the methods without a network, which stand beside every table."""

MAX_QUOTED = 100

State = Literal["done", "running", "failed", "stopped", "missing"]
"""A `stopped` run resumes from its last checkpoint at the next call."""

States = Mapping[str, tuple[State, str]]
"""State of each planned run, and why it failed, by its id."""


def _a_name(text: str) -> str:
    """Refuse a name that would lead out of its folder, since plan.json may come from others."""
    if not re.fullmatch(r"\w[\w.+=-]*", text):
        raise ValueError(
            f"names a run or a folder {text[:MAX_QUOTED]!r}, which is not a plain name"
        )
    return text


def _an_override(text: str) -> str:
    """Refuse overrides of Hydra itself, which decide where train.py writes."""
    key = text.partition("=")[0].lstrip("+~")
    foreign = re.match(r"hydra\b", key) and key != "hydra.searchpath"
    if text.startswith("-") or foreign or key == "resume":
        raise ValueError(f"has the override {text[:MAX_QUOTED]!r}, which no plan gives to train.py")
    return text


Name = Annotated[str, AfterValidator(_a_name)]
Override = Annotated[str, AfterValidator(_an_override)]


class PlannedRun(BaseModel, extra="forbid", frozen=True):
    """One training.

    Attributes:
        id: hash of the resolved configuration, the split and the first stage.
        rows: table and label of every row that the run is part of.
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
        """Sort key: runs of one round come before later ones; rows beyond the paper come last."""
        beyond = bool(self.rows) and all(table == SWITCHES for table, _ in self.rows)
        return beyond, self.seed, self.fold, self.dataset


class Plan(BaseModel, extra="forbid", frozen=True):
    """All runs of a profile, sorted by `PlannedRun.turn`; first stages come before their users."""

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
    """Read the plan in a folder; None if there is none."""
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
    """Return the folder of a planned run."""
    runs = root / "runs"
    path = runs / run.folder
    if path.is_symlink() and path.resolve().parent != runs.resolve():
        raise UserError(
            f"{path} is a link to {path.resolve()}, which is not a part of {runs}; put the run "
            "itself there, or remove the link."
        )
    return RunFolder(path)


def states_of(root: Path, plan: Plan | None) -> States:
    states = {}
    for run in plan.runs if plan else ():
        folder = run_folder(root, run)
        state = state_of(folder)
        states[run.id] = (state, failure_of(folder) if state == "failed" else "")
    return states


def state_of(folder: RunFolder) -> State:
    """Return the state of a run, from its files and its lock."""
    if folder.metrics.exists():
        return "done" if damage_of(folder) is None else "failed"
    if is_locked(folder.lock) or is_locked(folder.job_lock):
        return "running"
    if folder.failure.exists():
        return "failed"
    return "stopped" if folder.config.exists() else "missing"


def is_locked(lock: Path) -> bool:
    """Return whether a process holds the lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def failure_of(folder: RunFolder) -> str:
    """Return the reason why a run failed, as one sentence."""
    damage = damage_of(folder) if folder.metrics.exists() else None
    if damage:
        return damage
    try:
        return str(read_json(folder.failure)["reason"])
    except (UserError, OSError, KeyError):
        return "Its reason was not kept."


def damage_of(folder: RunFolder) -> str | None:
    """Return what is wrong with a finished run's metrics.json; None if nothing is."""
    try:
        read_json(folder.metrics)
    except UserError as error:
        return str(error)
    except OSError:
        return f"{folder.metrics} is not readable; remove it and run again."
    return None
