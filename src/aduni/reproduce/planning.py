"""Plan the runs of a profile, each named by a hash of what it computes."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from hydra import compose
from omegaconf import OmegaConf, open_dict

from aduni.config.schema import Settings, read_settings
from aduni.errors import UserError
from aduni.reporting.tables.definitions import Row
from aduni.reproduce.settings import Reproduction
from aduni.reproduce.splits import SplitHashes
from aduni.results.identity import identity
from aduni.results.kept_runs import folders_of, identities
from aduni.results.plan import FLOORS, SWITCHES, Plan, PlannedRun, read_plan
from aduni.system.atomic_files import write_json

SAVE_FEATURES = "save_features=true"


class _RowPlan(NamedTuple):
    """The runs of one row of a table on one data set.

    Attributes:
        rows: (table, label) of the row; empty for a first stage that no table shows.
        first: row whose run is the first stage of each run, if there is one.
    """

    rows: tuple[tuple[str, str], ...]
    row: Row
    first: Row | None
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]


def make_plan(settings: Reproduction) -> tuple[Plan, list[PlannedRun]]:
    """Return the plan of the profile on this call's data sets, and the runs of this call's tables.

    Data sets that other calls planned stay in the plan. Only the hashes of splits are written, and
    only if the folder of the reproduction exists.
    """
    runs = _with_existing_folders(settings.output, list(_planned_runs(settings)))
    earlier = read_plan(settings.output)
    replaced = {*settings.chosen_datasets, *(run.dataset for run in runs)}
    others = [run for run in earlier.runs if run.dataset not in replaced] if earlier else []
    ordered = sorted((*runs, *others), key=lambda run: run.turn[:3])
    plan = Plan(profile=settings.name, folds=settings.profile.folds, runs=tuple(ordered))
    tables = settings.chosen_tables
    chosen = [run for run in runs if {table for table, _ in run.rows} & tables]
    floors = [run for run in runs if FLOORS in dict(run.rows)]
    if not chosen and len(floors) < len(runs):
        raise UserError(
            f"profile={settings.name} has no run of tables={', '.join(map(str, settings.tables))} "
            f"on {', '.join(settings.chosen_datasets)}; choose other tables, data sets or profile."
        )
    chosen += floors
    chosen_ids = {run.id for run in chosen} | {run.first_stage for run in chosen}
    return plan, [run for run in plan.runs if run.id in chosen_ids]


def write_plan(plan: Plan, settings: Reproduction) -> None:
    """Write plan.json into the existing folder of the reproduction, one call at a time."""
    with FileLock(settings.output / ".plan.lock"):
        write_json(plan.model_dump(mode="json"), settings.output / "plan.json")


def _with_existing_folders(root: Path, runs: list[PlannedRun]) -> list[PlannedRun]:
    """Replace the folders of planned runs by those that contain them already under another name."""
    ids = identities(root)
    folders = folders_of(ids)
    runs = [run.model_copy(update={"folder": folders.get(run.id, run.folder)}) for run in runs]
    for run in runs:
        if ids.get(run.folder) not in (run.id, None):
            raise UserError(
                f"{root / 'runs' / run.folder} holds a run of other settings than its name says; "
                "give it another name, and the planned run will be trained."
            )
    return runs


def _planned_runs(settings: Reproduction) -> Iterator[PlannedRun]:
    """Yield the runs of all tables; a run of several rows comes once, with all of them."""
    hashes = SplitHashes(settings.output)
    for dataset in settings.chosen_datasets:
        runs: dict[str, PlannedRun] = {}
        for row_plan in _row_plans(settings, dataset):
            for run in _runs_of_row(settings, dataset, row_plan, hashes):
                known = runs.get(run.id, run)
                features = {SAVE_FEATURES} & {*run.overrides} - {*known.overrides}
                runs[run.id] = known.model_copy(
                    update={
                        "rows": tuple(dict.fromkeys((*known.rows, *run.rows))),
                        "overrides": (*known.overrides, *features),
                    }
                )
        yield from runs.values()


def _row_plans(settings: Reproduction, dataset: str) -> Iterator[_RowPlan]:
    profile = settings.profile
    methods = {row.name: row for row in settings.methods.rows}
    tables = {**settings.tables_of(dataset), FLOORS: settings.floors_of(dataset)}
    for table, definition in tables.items():
        is_switches = table == SWITCHES
        seeds = profile.switch_seeds if is_switches else profile.seeds
        if table == FLOORS:
            seeds = seeds[:1]  # only how trees are drawn depends on it
        overrides = profile.switch_overrides if is_switches else ()
        for row in definition.rows:
            first = methods[row.after] if row.after else None
            if first:
                yield _RowPlan((), first, None, seeds, overrides)
            yield _RowPlan(((table, row.label),), row, first, seeds, overrides)


def _runs_of_row(
    settings: Reproduction, dataset: str, plan: _RowPlan, hashes: SplitHashes
) -> Iterator[PlannedRun]:
    profile = settings.profile
    overrides, first = overrides_of(settings, dataset, plan.overrides, plan.row), None
    if plan.first:
        first = overrides_of(settings, dataset, plan.overrides, plan.first)
    saves_features = any(
        table == "methods" and label in profile.features for table, label in plan.rows
    )
    for seed in plan.seeds:
        for fold in profile.folds:
            run = planned_run(overrides, fold, seed, hashes, plan.rows, first)
            if saves_features and (fold, seed) == (profile.folds[0], profile.seeds[0]):
                run = run.model_copy(update={"overrides": (*run.overrides, SAVE_FEATURES)})
            yield run


def planned_run(
    overrides: tuple[str, ...],
    fold: int,
    seed: int,
    hashes: SplitHashes,
    rows: tuple[tuple[str, str], ...],
    first: tuple[str, ...] | None = None,
) -> PlannedRun:
    """Name the run of train.py with these overrides by what it computes.

    Args:
        overrides: of train.py, without fold and seed.
        rows: table and label of every row that the run is part of.
        first: overrides of the run that is its first stage, if there is one.
    """
    keys = {"fold": fold, "seed": seed}
    config = compose_training(overrides)
    split = hashes.of(config | keys)
    first_stage = identity(compose_training(first) | keys, split, None) if first else None
    run_id = identity(config | keys, split, first_stage)
    title, method = (config["names"][key].replace("/", "_") for key in ("dataset", "method"))
    return PlannedRun(
        id=run_id,
        folder=f"{title}_{method}_fold{fold}_seed{seed}_{run_id}",
        dataset=title,
        fold=fold,
        seed=seed,
        rows=rows,
        overrides=(*overrides, f"fold={fold}", f"seed={seed}"),
        first_stage=first_stage,
    )


def overrides_of(
    settings: Reproduction, dataset: str, of_table: tuple[str, ...], row: Row
) -> tuple[str, ...]:
    """Return the overrides of train.py for a row: the profile's, the table's and its own."""
    profile = settings.profile
    general = (*profile.overrides, *profile.dataset_overrides.get(dataset, ()), *of_table)
    # The row's overrides come after the profile's, which they may replace.
    return (f"dataset={dataset}", *general, *row.overrides, *settings.data)


@cache
def compose_training(overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the resolved configuration that train.py would run with."""
    config = compose("train", list(overrides), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        # A name that is not a group's choice is the title of a user's data set.
        raw: Any = OmegaConf.to_container(config.names, resolve=False)
        config.names.update({name: choices[name] for name in raw if "${hydra:" in raw[name]})
        del config.hydra
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return content


def settings_of(overrides: Sequence[str]) -> Settings:
    """Return the checked settings that train.py would run with."""
    return read_settings(OmegaConf.create(compose_training(tuple(overrides))))
