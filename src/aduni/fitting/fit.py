"""Run one call of fit.py: audit, plan, train what is missing, decide, and write the result."""

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aduni.auditing.report import audit
from aduni.cli.end_summary import print_text
from aduni.config.build import build_data
from aduni.config.early_data import check_classes
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import imbalance_ratio
from aduni.data.splits.predefined import leaking
from aduni.errors import UserError
from aduni.fitting.clock import Clock
from aduni.fitting.closing import closing_text
from aduni.fitting.duration import format_duration
from aduni.fitting.fingerprint import describe_data, describe_machine, ordinal_source
from aduni.fitting.fit_settings import RUN_SECONDS, FitSettings, Sizes
from aduni.fitting.plan_file import CLOCK, FitPlan, read_fit_plan, request_of, write_fit_plan
from aduni.fitting.portfolio import Portfolio, command
from aduni.fitting.result import Result
from aduni.fitting.speed import Speed, measure_speed
from aduni.fitting.train import train
from aduni.fitting.write_result import write_result
from aduni.reproduce.planning import settings_of
from aduni.reproduce.splits import SplitHashes
from aduni.results.plan import PlannedRun


def fit(settings: FitSettings, given: tuple[str, ...], preset: str) -> Path:
    """Go from images to a decided model, print the answer, and return the page of the result.

    Args:
        settings: checked.
        given: overrides of the data set and the protocol, for every training.
        preset: name of the preset.
    """
    first = next(iter(settings.preset.rows.values()))
    table_only = build_data(settings_of((*given, *first.overrides)))
    folder = settings.output or Path("outputs", "fit", f"{table_only.title}-{preset}")
    request = request_of(settings, given)
    plan = read_fit_plan(folder / "plan.yaml", request)
    portfolio = Portfolio.of(settings.preset, given, table_only)
    _print_data(table_only)
    _check_target(settings, table_only)
    check_classes(table_only)
    clock = Clock(folder / CLOCK, settings.max_seconds)
    if plan is None:
        words = f"max_time={settings.max_time} for preset={preset}"
        speed = _measure(portfolio)
        sizes = portfolio.choose(speed, clock.left, words)  # before anything is written
        folder.mkdir(parents=True, exist_ok=True)
    with clock.noted():
        if plan is None:
            data = build_data(settings_of(portfolio.overrides(first, sizes)))
            findings = _audit(data, folder)
            plan = _new_plan(portfolio, data, sizes, speed, request, findings)
        else:
            data = build_data(settings_of(portfolio.overrides(first, plan.sizes)))
            _check_unchanged(data, plan, folder)
        runs = portfolio.runs(plan.sizes, SplitHashes(folder))
        plan = _with_commands(plan, portfolio, runs, folder)
        write_fit_plan(plan, folder / "plan.yaml")
        _print_plan(plan, runs, settings, clock)
        train(folder, runs, clock, settings)
        result = Result.of(folder, settings, preset, plan, runs, clock.used)
        written = write_result(result, folder)
        print_text(f"\n{closing_text(result, written)}")
        return written.page


def _print_data(data: ImageData) -> None:
    table = data.table
    ratio = imbalance_ratio(table.class_counts)
    print(
        f"{data.title}: {len(table.images)} images of {len(table.class_names)} classes, "
        f"imbalance ratio {ratio:.1f}; order of the classes {ordinal_source(table)}."
    )
    if table.ordinal is None and table.is_ordinal:
        print("Set dataset.ordinal=true if they are grades, false if they are not.")


def _check_target(settings: FitSettings, data: ImageData) -> None:
    if settings.metric.ordinal and not data.table.is_ordinal:
        raise UserError(
            f"target={settings.target} needs classes in an order; declare one with "
            "dataset.ordinal=true or dataset.classes=[...], or choose another target."
        )


def _measure(portfolio: Portfolio) -> Speed:
    """Measure this machine with the first frozen and the first fine-tuned row."""
    rows = portfolio.preset.rows.values()
    scales = sorted({scale.image_size for scale in portfolio.scales})
    sides = sorted({*portfolio.frozen_sizes, *scales})
    print(f"Measuring how long an image takes at {', '.join(map(str, sides))} px ...", flush=True)
    frozen = settings_of((*portfolio.given, *next(iter(rows)).overrides))
    row = portfolio.fine_tuned
    fine_tuned = settings_of((*portfolio.given, *row.overrides)) if row else None
    return measure_speed(frozen, sides, fine_tuned, scales)


def _audit(data: ImageData, folder: Path) -> list[str]:
    """Audit the data, and raise UserError for what no model can be judged on."""
    print(f"Auditing the images ({folder / 'audit'}) ...", flush=True)
    silent = Console(file=io.StringIO(), markup=False, emoji=False, record=True, width=100)
    found = audit(data, output=folder / "audit", console=silent)
    leaks = leaking(data.parts, data.groups)
    if len(leaks) and data.protocol.grouped:
        first = data.table.images[leaks[0]]
        raise UserError(
            f"{len(leaks)} images of the given split have their lesion, patient or a copy in "
            f"another part, the first of them {first}: a model could not be judged. Give another "
            "protocol.split_file, or leave it out to make folds."
        )
    for sentence in found:
        if sentence.startswith(("Warning", "Shortcut")):
            print(sentence)
    # Names of files are relative to the page of the result.
    return [sentence.replace(f"{folder}/", "") for sentence in found]


def _check_unchanged(data: ImageData, plan: FitPlan, folder: Path) -> None:
    if data.split_hash != plan.split:
        raise UserError(
            f"The images or their split have changed since {folder / 'plan.yaml'} was written; "
            "give another output= for them."
        )


def _new_plan(
    portfolio: Portfolio,
    data: ImageData,
    sizes: Sizes,
    speed: Speed,
    request: dict[str, object],
    findings: Sequence[str],
) -> FitPlan:
    return FitPlan(
        request=request,
        data=describe_data(data.table, data.groups, data.cache, data.title),
        findings=list(findings),
        split=data.split_hash,
        machine=describe_machine(),
        speed=speed,
        sizes=sizes,
        expected_seconds=round(portfolio.seconds(sizes, speed)),
        models={},
    )


def _with_commands(
    plan: FitPlan, portfolio: Portfolio, runs: Sequence[PlannedRun], folder: Path
) -> FitPlan:
    """Return the plan with the command of the first training of each row, and its expected time."""
    models: dict[str, dict[str, object]] = {}
    for run in runs:
        label = run.rows[0][1]
        row = portfolio.preset.rows.get(label)
        seconds = portfolio.seconds_of_row(row, plan.sizes, plan.speed) if row else RUN_SECONDS
        known = {"command": command(run, folder / "runs" / run.folder), "seconds": round(seconds)}
        models.setdefault(label, known)
    return plan.model_copy(update={"models": models})


def _print_plan(
    plan: FitPlan, runs: Sequence[PlannedRun], settings: FitSettings, clock: Clock
) -> None:
    scale = plan.sizes.fine_tuned
    tuned = f", fine-tuned at {scale.image_size} px in {scale.steps} steps" if scale else ""
    expected, left = format_duration(plan.expected_seconds), format_duration(max(clock.left, 0))
    print(
        f"Plan: {len(runs)} trainings, frozen encoder at {plan.sizes.frozen_size} px{tuned}; "
        f"about {expected} in all, {left} of {format_duration(settings.max_seconds)} are left.",
        flush=True,
    )
