"""Run one call of reproduce.py: print the status, train one job, or train all and report."""

import re
from collections.abc import Sequence
from typing import Any

from hydra.conf import HydraConf

from aduni.cli.arguments import quoted
from aduni.errors import UserError
from aduni.reporting.cached import cached_report
from aduni.reporting.inputs import Sources
from aduni.reproduce.jobs import train_all, train_planned
from aduni.reproduce.planning import make_plan, write_plan
from aduni.reproduce.settings import Reproduction
from aduni.reproduce.status import print_status
from aduni.results.plan import Plan, failure_of, read_plan, run_folder, state_of


def reproduce(settings: Reproduction, hydra: HydraConf) -> None:
    """Train the job of the settings, or print the status, or train all runs and report."""
    root = settings.output
    if settings.job:
        plan = read_plan(root)
        if plan is None:
            raise UserError(f"{root / 'plan.json'} is missing; run reproduce.py without job.")
        logging = _logger_overrides(settings, plan, settings.job, hydra.overrides.task)
        train_planned(root, plan, settings.job, gpus=settings.gpus, logging=logging)
        return
    if settings.action == "train":
        root.mkdir(parents=True, exist_ok=True)
    plan, runs = make_plan(settings)
    if settings.action == "status":
        print_status(root, plan, runs)
        return
    write_plan(plan, settings)
    train_all(root, plan, runs, _job_overrides(settings, hydra))
    page = cached_report(
        Sources(root, root, settings.definitions, settings.columns, settings.floors)
    )
    if settings.wandb is not None:
        from aduni.training.trackers.wandb_logger import send_report  # imports torch

        send_report(root, settings.name, **_report_options(settings, settings.wandb))
    print(page)
    failed = [run for run in runs if state_of(run_folder(root, run)) == "failed"]
    if failed:
        folder = run_folder(root, failed[0])
        raise UserError(
            f"{len(failed)} of {len(runs)} runs failed, the first with: {failure_of(folder)} "
            f"See {folder.console}, mend the cause and call again."
        )


def _job_overrides(settings: Reproduction, hydra: HydraConf) -> list[str]:
    overrides = [
        override
        for override in (*hydra.overrides.hydra, *hydra.overrides.task)
        if not override.startswith(("hydra.mode=", "action="))
    ]
    if settings.gpus and hydra.runtime.choices["hydra/launcher"] == "basic":
        overrides += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={len(settings.gpus)}"]
    return overrides


def _logger_overrides(
    settings: Reproduction, plan: Plan, job: str, overrides: Sequence[str]
) -> list[str]:
    """Return the overrides of this call that name trackers, and put a run into W&B's group."""
    given = [override for override in overrides if re.match(r"[+~]*logger[.=]", override)]
    if settings.wandb is None:
        return given
    rows = [label for run in plan.runs if run.id == job for _, label in run.rows]
    tags = ",".join(map(quoted, (settings.name, *rows)))
    group = _report_options(settings, settings.wandb)["group"]
    return [*given, f"logger.wandb.group={quoted(group)}", f"logger.wandb.tags=[{tags}]"]


def _report_options(settings: Reproduction, wandb: dict[str, Any]) -> dict[str, Any]:
    return {**wandb, "group": wandb["group"] or f"reproduce-{settings.name}"}
