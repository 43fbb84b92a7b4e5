"""plan.yaml: what was asked for, what was found in the data, what was measured, what is trained."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from aduni.errors import UserError
from aduni.fitting.fit_settings import FitSettings, Sizes
from aduni.fitting.speed import Speed
from aduni.system.atomic_files import read_yaml, readable, write_yaml

CLOCK = "clock.json"
"""File with the time that was used, which every folder of a fit has."""


class FitPlan(BaseModel, extra="forbid", frozen=True):
    """Content of plan.yaml, by which a later call goes on.

    Attributes:
        request: settings of the call that decide what is trained.
        data: see `aduni.fitting.fingerprint.describe_data`.
        findings: sentences of the audit.
        split: hash of the first fold's split, which changes with the images.
        machine: GPUs, cores and threads.
        speed: measured seconds of an image.
        sizes: image sizes and steps that fit the time.
        expected_seconds: of the audit and all trainings.
        models: command and expected seconds of the first training of each row.
    """

    request: dict[str, Any]
    data: dict[str, Any]
    findings: list[str]
    split: str
    machine: dict[str, Any]
    speed: Speed
    sizes: Sizes
    expected_seconds: int
    models: dict[str, dict[str, Any]]


def request_of(settings: FitSettings, given: tuple[str, ...]) -> dict[str, Any]:
    """Return what a fit is asked for, by which two calls are of one fit."""
    preset = settings.preset.model_dump(mode="json")
    return {"overrides": list(given), "target": settings.target, "preset": preset}


def read_fit_plan(file: Path, request: dict[str, Any]) -> FitPlan | None:
    """Read the plan of an earlier call; None if there is none.

    Raises:
        UserError: if it is of another request or not readable, or if the folder holds other files.
    """
    folder = file.parent
    if not (folder / CLOCK).exists() and folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds other files than those of a fit; give another output=.")
    if not file.exists():
        return None
    remedy = "give another output="
    with readable(file, remedy):
        content = read_yaml(file)
    try:
        plan = FitPlan.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{file} is of another version of this project; {remedy}.") from error
    changed = next((key for key in request if plan.request.get(key) != request[key]), None)
    if changed:
        raise UserError(
            f"{file.parent} holds a fit with another {changed}; repeat that call to go on with it, "
            "or give another output=."
        )
    return plan


def write_fit_plan(plan: FitPlan, file: Path) -> None:
    write_yaml(plan.model_dump(mode="json"), file)
