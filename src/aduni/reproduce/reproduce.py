"""One call of reproduce.py: status, a job that a launcher placed, or everything that is missing."""

from collections.abc import Sequence

from hydra.conf import HydraConf

from aduni.errors import UserError
from aduni.report.cached import cached_report
from aduni.report.inputs import Sources
from aduni.reproduce.jobs import train_planned
from aduni.reproduce.launching import train_all
from aduni.reproduce.planning import make_plan, write_plan
from aduni.reproduce.settings import Reproduction
from aduni.reproduce.status import print_status
from aduni.results.plan import Plan, PlannedRun, failure_of, read_plan, run_folder, state_of


def reproduce(settings: Reproduction, hydra: HydraConf) -> None:
    """Do what the settings say.

    Args:
        settings: checked.
        hydra: Hydra's own settings, with the words of the command line.

    Raises:
        UserError: a mistake in the command line or the data; failed runs, after the report.
    """
    root = settings.output
    if settings.job:
        plan = read_plan(root)
        if plan is None:
            raise UserError(f"{root / 'plan.json'} is missing; run reproduce.py without job.")
        logging = _logging(settings, plan, settings.job)
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
    page = cached_report(Sources(root, root, settings.definitions, settings.columns))
    if settings.logger_name == "wandb":
        _send(settings)
    print(page)
    _report_failures(settings, runs)


def _job_overrides(settings: Reproduction, hydra: HydraConf) -> list[str]:
    """The words of the command line for every job; on several GPUs, as many jobs at a time."""
    words = [*hydra.overrides.hydra, *hydra.overrides.task]
    kept = [word for word in words if not word.startswith(("hydra.mode=", "action="))]
    if settings.gpus and hydra.runtime.choices["hydra/launcher"] == "basic":
        kept += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={len(settings.gpus)}"]
    return kept


def _logging(settings: Reproduction, plan: Plan, job: str) -> list[str]:
    """Overrides of train.py that put a run into the profile's group on the dashboard."""
    if settings.logger_name == "csv":
        return []
    rows = [label for run in plan.runs if run.id == job for _, label in run.rows]
    tags = ",".join(f"'{tag}'" for tag in (settings.name, *rows))
    options = {key: settings.logger[key] for key in ("project", "offline")}
    return [
        f"logger={settings.logger_name}",
        f"logger.group={_group(settings)}",
        f"logger.tags=[{tags}]",
        *(f"logger.{key}={value}" for key, value in options.items()),
    ]


def _send(settings: Reproduction) -> None:
    # The dashboard takes torch, which a call without one does without.
    from aduni.training.wandb_logger import send_report

    project, offline = settings.logger["project"], settings.logger["offline"]
    send_report(
        settings.output, settings.name, project=project, group=_group(settings), offline=offline
    )


def _group(settings: Reproduction) -> str:
    return settings.logger["group"] or f"reproduce-{settings.name}"


def _report_failures(settings: Reproduction, runs: Sequence[PlannedRun]) -> None:
    """Raise UserError where a run failed, so that the status is not 0."""
    failed = [run for run in runs if state_of(run_folder(settings.output, run)) == "failed"]
    if failed:
        folder = run_folder(settings.output, failed[0])
        raise UserError(
            f"{len(failed)} of {len(runs)} runs failed, the first with: {failure_of(folder)} "
            f"See {folder.console}, mend the cause and call again."
        )
